/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl - asks a running gateway, over its admin socket; and, by `sluicectl policy`, the
 * author's tools. */
#include "base/check.h"
#include "base/memory.h"
#include "sluicectl/admin_client.h"
#include "sluicectl/command.h"
#include "sluicectl/exit_code.h"
#include "sluicectl/outline.h"
#include "sluicectl/policy/policy.h"
#include "sluicectl/top.h"
#include "sluicectl/trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char HELP[] =
	"usage: sluicectl COMMAND [--state DIR] [options]\n"
	"\n"
	"Asks a running gateway over the admin socket in its state folder.\n"
	"\n"
	"  status       generation, APIs and their problems, workers\n"
	"  reload       reads the configuration now; status tells what came of it\n"
	"  dump         the configuration that is being served, without secrets\n"
	"  metrics      counters in the Prometheus text format\n"
	"  probe        exit code 0 when healthy, 1 when not\n"
	"  top          APIs and services by their traffic, second by second\n"
	"  log-level    the log's level; log-level LEVEL [--for 5m] changes it while the\n"
	"               gateway runs, log-level configured takes that back\n"
	"  trace        the story of each request that matches, as it happens: --api,\n"
	"               --path, --client, --header, --count, --for\n"
	"  quarantine lift BINDING\n"
	"               lets a binding run again that has crashed the gateway\n"
	"  cache        what caches hold\n"
	"  cache purge NAME\n"
	"               drops what a cache holds, by the name that cache shows\n"
	"  policy       the author's tools; sluicectl policy --help\n"
	"\n"
	"  --state DIR                   default: /var/lib/sluice as root,\n"
	"                                else ~/.local/state/sluice\n"
	"  --check=readiness|liveness    what probe asks (default: readiness)\n"
	"  --for TIME                    how long log-level or trace lasts: 90s, 5m, 1h\n"
	"  --api NAME                    trace: requests to this API\n"
	"  --path REGEX                  trace: the whole path, or what is behind the\n"
	"                                API's base path\n"
	"  --client CIDR                 trace: requests of these clients\n"
	"  --header NAME[:VALUE]         trace: requests with this field\n"
	"  --count N                     trace: so many (default: 10)\n"
	"  --once                        top: one look at a second, then the end\n"
	"  --json                        the answer as the gateway gives it\n"
	"  --help, --version\n"
	"\n"
	"Exit codes: 0 yes, 1 no, 2 wrong command line, 3 no gateway answers.\n";

struct options {
	const char *command;
	const char *words[2]; /* behind the command */
	size_t word_count;
	const char *state_dir; /* NULL: the default */
	const char *check;
	const char *time; /* of --for; NULL: no end */
	unsigned seconds; /* the same */
	bool json;
	bool once;
	struct trace_options trace;
	const char *trace_option; /* one of them that was given, or NULL */
};

enum answer_form { FORM_JSON, FORM_TEXT, FORM_NONE };

struct command {
	const char *name;
	enum admin_method method;
	const char *path;
	enum answer_form form;
	long timeout_s;
};

static const struct command commands[] = {
	{"status", ADMIN_GET, "/status", FORM_JSON, 10},
	{"reload", ADMIN_POST, "/reload", FORM_JSON, 120},
	{"dump", ADMIN_GET, "/dump", FORM_TEXT, 60},
	{"metrics", ADMIN_GET, "/metrics", FORM_TEXT, 10},
	{"probe", ADMIN_GET, NULL, FORM_NONE, 5},
	{"top", ADMIN_GET, "/metrics", FORM_TEXT, 10},
	{"log-level", ADMIN_GET, NULL, FORM_JSON, 10},
	{"trace", ADMIN_POST, "/trace", FORM_TEXT, 10},
	{"quarantine", ADMIN_POST, NULL, FORM_JSON, 10},
	{"cache", ADMIN_GET, NULL, FORM_JSON, 10},
};

static int refuse(const char *what, const char *argument)
{
	fprintf(stderr, "sluicectl: %s '%s'; see sluicectl --help\n", what, argument);
	return EXIT_USAGE;
}

/* The value of `--name VALUE` or `--name=VALUE` at *i, or NULL. */
static const char *option_value(int argc, char **argv, int *i, const char *name)
{
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	if (argv[*i][n] != '\0' || *i + 1 >= argc)
		return NULL;
	return argv[++*i];
}

static size_t words_max(const char *command)
{
	if (strcmp(command, "quarantine") == 0 || strcmp(command, "cache") == 0)
		return 2;
	return strcmp(command, "log-level") == 0 ? 1 : 0;
}

/* An option of trace at *i, whose value is taken. */
static bool take_trace_option(struct options *o, int argc, char **argv, int *i)
{
	const struct {
		const char *name;
		const char **value;
	} rows[] = {
		{"--api", &o->trace.api},
		{"--path", &o->trace.path},
		{"--client", &o->trace.client},
		{"--header", &o->trace.header},
		{"--count", &o->trace.count},
	};
	for (size_t k = 0; k < ARRAY_COUNT(rows); k++) {
		const char *value = option_value(argc, argv, i, rows[k].name);
		if (!value)
			continue;
		*rows[k].value = value;
		o->trace_option = rows[k].name;
		return true;
	}
	return false;
}

/* -1 to go on, else the exit code. */
static int parse_argument(struct options *o, int argc, char **argv, int *i)
{
	const char *argument = argv[*i], *value;
	if (strcmp(argument, "--help") == 0 || strcmp(argument, "-h") == 0) {
		fputs(HELP, stdout);
		return EXIT_YES;
	}
	if (strcmp(argument, "--version") == 0) {
		puts("sluicectl " SLUICE_VERSION);
		return EXIT_YES;
	}
	if (strcmp(argument, "--json") == 0)
		o->json = true;
	else if (strcmp(argument, "--once") == 0)
		o->once = true;
	else if ((value = option_value(argc, argv, i, "--state")))
		o->state_dir = value;
	else if ((value = option_value(argc, argv, i, "--check")))
		o->check = value;
	else if ((value = option_value(argc, argv, i, "--for")))
		o->time = value;
	else if (take_trace_option(o, argc, argv, i))
		return -1;
	else if (argument[0] == '-')
		return refuse("unknown option, or one without its value:", argument);
	else if (o->command && o->word_count < words_max(o->command))
		o->words[o->word_count++] = argument;
	else if (o->command)
		return refuse("one command is enough:", argument);
	else
		o->command = argument;
	return -1;
}

/* "90s", "5m", "1h", or seconds; 0: it is none, or over a day. */
static unsigned parse_time(const char *text)
{
	static const char units[] = "smh";
	static const unsigned long seconds_of[] = {1, 60, 3600};
	char *end;
	if (text[0] < '0' || text[0] > '9')
		return 0;
	unsigned long n = strtoul(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : units;
	if (!unit || (*end && end[1]) || n > 86400 || n * seconds_of[unit - units] > 86400)
		return 0;
	return (unsigned)(n * seconds_of[unit - units]);
}

/* What belongs to one command; -1 to go on. */
static int check_words(struct options *o)
{
	bool is_level = strcmp(o->command, "log-level") == 0;
	bool is_lift = o->word_count == 2 && strcmp(o->words[0], "lift") == 0;
	if (strcmp(o->command, "quarantine") == 0 && !is_lift)
		return refuse("this takes lift and a binding's name:", o->command);
	bool is_purge = o->word_count == 2 && strcmp(o->words[0], "purge") == 0;
	if (strcmp(o->command, "cache") == 0 && o->word_count > 0 && !is_purge)
		return refuse("this takes nothing, or purge and a cache's name:", o->command);
	if (o->once && strcmp(o->command, "top") != 0)
		return refuse("--once goes with top, not with", o->command);
	bool is_trace = strcmp(o->command, "trace") == 0;
	if (o->trace_option && !is_trace)
		return refuse("an option of trace alone:", o->trace_option);
	if (o->time && !is_trace && (!is_level || o->word_count == 0))
		return refuse("--for goes with log-level LEVEL and trace, not with", o->command);
	if (o->time && !(o->seconds = parse_time(o->time)))
		return refuse(
			"--for takes a time such as 90s, 5m or 1h, at most 24h, not", o->time);
	return -1;
}

static int parse(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		int code = parse_argument(o, argc, argv, &i);
		if (code >= 0)
			return code;
	}
	if (!o->command) {
		fputs(HELP, stderr);
		return EXIT_USAGE;
	}
	if (strcmp(o->check, "readiness") != 0 && strcmp(o->check, "liveness") != 0)
		return refuse("--check takes readiness or liveness, not", o->check);
	return check_words(o);
}

static char *socket_path(const struct options *o)
{
	if (o->state_dir)
		return heap_printf("%s/admin.sock", o->state_dir);
	const char *home = getenv("HOME");
	if (geteuid() == 0 || !home)
		return heap_strdup("/var/lib/sluice/admin.sock");
	return heap_printf("%s/.local/state/sluice/admin.sock", home);
}

static void print_raw(struct str text, FILE *to)
{
	fwrite(text.p, 1, text.n, to);
	if (text.n > 0 && text.p[text.n - 1] != '\n')
		fputc('\n', to);
}

static void print_answer(struct str body, enum answer_form form, bool json, FILE *to)
{
	struct buffer outline;
	buffer_init(&outline, 2 * ADMIN_ANSWER_BYTES_MAX);
	if (form == FORM_TEXT || json || outline_of_json(body, &outline) != RC_OK)
		print_raw(body, to);
	else
		print_raw(buffer_str(&outline), to);
	buffer_deinit(&outline);
}

/* Heap. */
static char *escape(const char *text)
{
	struct buffer out;
	buffer_init(&out, SIZE_MAX);
	admin_add_escaped(&out, str_of(text));
	char *escaped = heap_strndup(buffer_str(&out));
	buffer_deinit(&out);
	return escaped;
}

static bool sets_level(const struct options *o, const struct command *command)
{
	return strcmp(command->name, "log-level") == 0 && o->word_count > 0;
}

/* Heap. */
static char *log_level_resource(const struct options *o)
{
	char *level = escape(o->words[0]);
	char *path = o->seconds > 0
			     ? heap_printf("/log-level?level=%s&seconds=%u", level, o->seconds)
			     : heap_printf("/log-level?level=%s", level);
	free(level);
	return path;
}

static bool purges(const struct options *o, const struct command *command)
{
	return strcmp(command->name, "cache") == 0 && o->word_count > 0;
}

/* Heap. */
static char *named_resource(const char *before, const char *name)
{
	char *escaped = escape(name);
	char *path = heap_printf("%s%s", before, escaped);
	free(escaped);
	return path;
}

/* Heap. */
static char *resource(const struct options *o, const struct command *command)
{
	if (command->path)
		return heap_strdup(command->path);
	if (sets_level(o, command))
		return log_level_resource(o);
	if (strcmp(command->name, "log-level") == 0)
		return heap_strdup("/log-level");
	if (purges(o, command))
		return named_resource("/caches/purge?cache=", o->words[1]);
	if (strcmp(command->name, "cache") == 0)
		return heap_strdup("/caches");
	if (command->method == ADMIN_GET)
		return heap_printf("/probes/%s", o->check);
	return named_resource("/quarantine/lift?binding=", o->words[1]);
}

static enum admin_method method_of(const struct options *o, const struct command *command)
{
	if (sets_level(o, command))
		return ADMIN_PUT;
	return purges(o, command) ? ADMIN_POST : command->method;
}

static int run_top(const struct options *o)
{
	char *path = socket_path(o);
	int code = top_run(path, o->once, o->json);
	free(path);
	return code;
}

static int run_trace(const struct options *o)
{
	char *path = socket_path(o);
	struct trace_options options = o->trace;
	options.seconds = o->seconds;
	options.json = o->json || !isatty(STDOUT_FILENO);
	int code = trace_run(path, &options);
	free(path);
	return code;
}

static int run(const struct options *o, const struct command *command)
{
	char error[ADMIN_ERROR_BYTES];
	char *path = socket_path(o), *what = resource(o, command);
	struct admin_answer answer;
	enum rc rc = admin_request(
		path, method_of(o, command), what, command->timeout_s, &answer, error);
	bool is_yes = rc == RC_OK && answer.status >= 200 && answer.status < 300;
	if (rc != RC_OK)
		fprintf(stderr, "sluicectl: %s\n", error);
	else if (!is_yes || command->form != FORM_NONE || o->json)
		print_answer(
			buffer_str(&answer.body), command->form, o->json, is_yes ? stdout : stderr);
	free(path);
	free(what);
	buffer_deinit(&answer.body);
	if (rc != RC_OK)
		return EXIT_UNREACHABLE;
	return is_yes ? EXIT_YES : EXIT_NO;
}

int main(int argc, char **argv)
{
	struct options o = {.check = "readiness"};
	if (argc > 1 && strcmp(argv[1], "policy") == 0)
		return policy_main(argc - 1, argv + 1);
	int code = parse(&o, argc, argv);
	if (code >= 0)
		return code;
	const struct command *command = command_find(COMMAND_TABLE(commands), o.command,
		"sluicectl: unknown command", "sluicectl --help");
	if (!command)
		return EXIT_USAGE;
	code = strcmp(command->name, "top") == 0     ? run_top(&o)
	       : strcmp(command->name, "trace") == 0 ? run_trace(&o)
						     : run(&o, command);
	if (fflush(stdout) != 0 && code == EXIT_YES)
		code = EXIT_NO;
	return code;
}
