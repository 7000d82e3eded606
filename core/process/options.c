/* SPDX-License-Identifier: Apache-2.0 */
#include "process/options.h"

#include "base/check.h"
#include "base/limits.h"
#include "base/nearest.h"
#include "base/str.h"
#include "sandbox/sandbox.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static const char HELP[] =
	"usage: sluice run --config DIR [options]\n"
	"\n"
	"Serves the APIs that the YAML files in DIR declare, and every change of them.\n"
	"\n"
	"  --config DIR       the folder of YAML (and *.lua) files; read recursively\n"
	"  --plugins DIR      where policy plugins (*.so) are; may be given several times\n"
	"                     (default: where this installation has them)\n"
	"  --state DIR        the admin socket and the plugin store\n"
	"                     (default: /var/lib/sluice as root, else ~/.local/state/sluice)\n"
	"  --workers N        threads that serve (default: SLUICE_WORKERS, else one per\n"
	"                     processor)\n"
	"  --log-level L      debug, info, warn or error (default: info, or what the\n"
	"                     configuration says)\n"
	"  --access-log A     off, - for standard output, or a file (default: off)\n"
	"  --log-file FILE    where the log goes (default: standard error)\n"
	"  --drain-seconds N  what requests under way get to end in, when it stops (default: 25)\n"
	"  --start-seconds N  what a gateway gets to say what it serves in; then it is killed and\n"
	"                     the next one started (default: 120)\n"
	"  --listen-allow A   ADDRESS:PORT or ADDRESS:FIRST-LAST that may be listened on; may be\n"
	"                     given several times (default: all)\n"
	"  --strict           one error refuses the whole configuration: what serves goes on\n"
	"                     unchanged, and a first start ends with exit code 1\n"
	"  --standby          keep a second gateway ready to take over\n"
	"  --crash-budget N   so many crashes of one binding quarantine it (default: 3)\n"
	"  --crash-window S   within so many seconds (default: 60)\n"
	"  --user NAME[:GROUP]\n"
	"                     who to become when started as root\n"
	"  --sandbox MODE     on; off; log: the kernel's audit log has what `on` would deny;\n"
	"                     kill: what is denied ends the process (default: on)\n"
	"  --core-dumps       a crash may leave a core file, which has keys in it\n"
	"  --help             this text\n";

void run_options_print_help(void)
{
	fputs(HELP, stdout);
}

static unsigned default_workers(void)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return 1;
	int n = CPU_COUNT(&set);
	return n < 1 ? 1 : (unsigned)n;
}

static const char *const names[] = {"--config", "--plugins", "--state", "--workers", "--log-level",
	"--access-log", "--drain-seconds", "--start-seconds", "--listen-allow", "--crash-budget",
	"--crash-window", "--standby", "--strict", "--log-file", "--user", "--sandbox",
	"--core-dumps", "--help"};
enum option {
	CONFIG,
	PLUGINS,
	STATE,
	WORKERS,
	LOG_LEVEL,
	ACCESS_LOG,
	DRAIN_SECONDS,
	START_SECONDS,
	LISTEN_ALLOW,
	CRASH_BUDGET,
	CRASH_WINDOW,
	STANDBY,
	STRICT,
	LOG_FILE,
	USER,
	SANDBOX,
	CORE_DUMPS,
	HELP_OPTION,
	UNKNOWN
};

static enum option option_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (enum option)i;
	return UNKNOWN;
}

/* --standby is the supervisor's own. */
static bool is_flag(enum option option)
{
	return option == STANDBY || option == STRICT || option == CORE_DUMPS;
}

static enum options_verdict refuse(const char *what, const char *value)
{
	fprintf(stderr, "sluice run: %s '%s'\n", what, value);
	return OPTIONS_BAD;
}

static enum options_verdict unknown(struct str name)
{
	const char *near = nearest_name(name, names, ARRAY_COUNT(names));
	if (near)
		fprintf(stderr, "sluice run: unknown option '%.*s'; did you mean '%s'?\n",
			STR_ARG(name), near);
	else
		fprintf(stderr, "sluice run: unknown option '%.*s'; see sluice run --help\n",
			STR_ARG(name));
	return OPTIONS_BAD;
}

static bool is_log_level(const char *s)
{
	return strcmp(s, "debug") == 0 || strcmp(s, "info") == 0 || strcmp(s, "warn") == 0 ||
	       strcmp(s, "error") == 0;
}

static enum options_verdict set(struct run_options *o, enum option option, const char *value)
{
	uint64_t n;
	enum sandbox_mode mode;
	switch (option) {
	case CONFIG:
		o->config_dir = value;
		return OPTIONS_RUN;
	case PLUGINS:
		if (o->plugin_dir_count == OPTION_PATHS_MAX)
			return refuse("too many --plugins at", value);
		o->plugin_dirs[o->plugin_dir_count++] = value;
		return OPTIONS_RUN;
	case STATE:
		o->state_dir = value;
		return OPTIONS_RUN;
	case WORKERS:
		if (str_to_u64(str_of(value), LIMIT_WORKERS, &n) != RC_OK || n == 0)
			return refuse("--workers takes a number from 1 to 256, not", value);
		o->workers = (unsigned)n;
		return OPTIONS_RUN;
	case LOG_LEVEL:
		if (!is_log_level(value))
			return refuse("--log-level takes debug, info, warn or error, not", value);
		o->log_level = value;
		return OPTIONS_RUN;
	case ACCESS_LOG:
		o->access_log = value;
		return OPTIONS_RUN;
	case DRAIN_SECONDS:
		if (str_to_u64(str_of(value), 86400, &n) != RC_OK)
			return refuse("--drain-seconds takes seconds from 0 to 86400, not", value);
		o->drain_seconds = (unsigned)n;
		return OPTIONS_RUN;
	case LOG_FILE:
		o->log_file = value;
		return OPTIONS_RUN;
	case USER:
		o->user = value;
		return OPTIONS_RUN;
	case SANDBOX:
		if (sandbox_mode_parse(value, &mode) != RC_OK)
			return refuse("--sandbox takes on, off, log or kill, not", value);
		o->sandbox = value;
		return OPTIONS_RUN;
	case START_SECONDS: /* the supervisor's own, which has judged them */
	case LISTEN_ALLOW:
	case CRASH_BUDGET:
		return OPTIONS_RUN;
	case CRASH_WINDOW:
		if (str_to_u64(str_of(value), 86400, &n) == RC_OK)
			o->crash_window_s = (unsigned)n;
		return OPTIONS_RUN;
	default:
		return OPTIONS_BAD;
	}
}

/* What the environment says where the command line does not: by our name, else by the vendor's. */
static bool read_environment(struct run_options *o)
{
	static const char *const variables[] = {"SLUICE_WORKERS", "FLEX_SERVICE_ENVOY_CONCURRENCY"};
	for (size_t i = 0; i < ARRAY_COUNT(variables); i++) {
		const char *value = getenv(variables[i]);
		uint64_t n;
		if (!value || !value[0])
			continue;
		if (str_to_u64(str_of(value), LIMIT_WORKERS, &n) != RC_OK || n == 0) {
			fprintf(stderr, "sluice run: %s takes a number from 1 to 256, not '%s'\n",
				variables[i], value);
			return false;
		}
		o->workers = (unsigned)n;
		return true;
	}
	return true;
}

enum options_verdict run_options_parse(int argc, char **argv, struct run_options *o)
{
	*o = (struct run_options){.workers = default_workers(),
		.access_log = "off",
		.drain_seconds = 25,
		.crash_window_s = 60};
	if (!read_environment(o))
		return OPTIONS_BAD;
	for (int i = 0; i < argc; i++) {
		char name[32];
		const char *equals = strchr(argv[i], '=');
		size_t n = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
		if (n >= sizeof(name))
			return unknown(str_n(argv[i], n));
		memcpy(name, argv[i], n);
		name[n] = '\0';
		enum option option = option_of(name);
		if (option == UNKNOWN)
			return unknown(str_of(name));
		if (option == HELP_OPTION)
			return OPTIONS_HELP;
		if (is_flag(option)) {
			if (equals)
				return refuse("this option has no value:", argv[i]);
			o->strict |= option == STRICT;
			o->core_dumps |= option == CORE_DUMPS;
			continue;
		}
		const char *value = equals ? equals + 1 : (i + 1 < argc ? argv[++i] : NULL);
		if (!value)
			return refuse("a value is missing after", name);
		enum options_verdict verdict = set(o, option, value);
		if (verdict != OPTIONS_RUN)
			return verdict;
	}
	if (!o->config_dir) {
		fputs("sluice run: --config DIR is missing; see sluice run --help\n", stderr);
		return OPTIONS_BAD;
	}
	return OPTIONS_RUN;
}
