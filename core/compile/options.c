/* SPDX-License-Identifier: Apache-2.0 */
#include "compile/options.h"

#include "base/check.h"
#include "base/nearest.h"
#include "base/str.h"

#include <stdio.h>

static const char GENERAL_HELP[] =
	"usage: sluice-compile compile|check|explain|schema ...\n"
	"\n"
	"Reads configurations for sluice, which runs it; see sluice check --help.\n";

static const char CHECK_HELP[] =
	"usage: sluice check [options] PATH...\n"
	"\n"
	"Says everything that is wrong with the configuration at PATH (folders and files, read\n"
	"as one) without serving any of it. Plugins are loaded to judge their configurations, in a\n"
	"process that can write no file, reach no network and start no program. Exits with 0 when\n"
	"there is no error, else with 1.\n"
	"\n"
	"  --no-load          plugins are not loaded: what their schemas do not say is not found\n"
	"  --plugins DIR      where policy plugins (*.so) are; may be given several times\n"
	"                     (default: where this installation has them)\n"
	"  --json             the findings as JSON on standard output\n"
	"  --strict           warnings count as errors do: the exit code is 1\n"
	"  --help             this text\n";

static const char EXPLAIN_HELP[] =
	"usage: sluice explain [options] PATH... --api NAME | --request 'M URL'\n"
	"\n"
	"Shows what a request to an API meets: its policies in their order, each with the line\n"
	"that binds it, and its routes.\n"
	"\n"
	"  --api NAME         the API: name, or namespace/name\n"
	"  --request 'M P'    a request, such as 'GET http://127.0.0.1:8081/shop/items/7', or\n"
	"                     with --api 'GET /shop/items/7': which API it meets, which\n"
	"                     policies run, where it goes, or why it is answered here\n"
	"  --json             what becomes of the request, as JSON\n"
	"  --header 'N: V'    a header field of that request; may be given several times\n"
	"  --plugins DIR      where policy plugins (*.so) are; may be given several times\n"
	"  --help             this text\n";

static const char COMPILE_HELP[] =
	"usage: sluice compile [options] PATH...\n"
	"\n"
	"Writes the plan that the configuration at PATH makes, in its binary form.\n"
	"\n"
	"  --print            as JSON, to be read\n"
	"  --out-fd N         to this descriptor (default: standard output)\n"
	"  --ready-fd N       a descriptor that gets one byte when the plan is there as a whole\n"
	"  --record-in N      a descriptor of what an earlier run left by --record-out: files that\n"
	"                     have not changed since are not read again\n"
	"  --record-out N     where to leave that\n"
	"  --strict           marks the plan: a gateway takes it without errors or not at all\n"
	"  --plugins DIR      where policy plugins (*.so) are; may be given several times\n"
	"  --help             this text\n";

static const char SCHEMA_HELP[] =
	"usage: sluice schema [options] [KIND|POLICY]\n"
	"\n"
	"Prints the JSON Schema (draft-07) of a kind of document, of a policy's configuration, or\n"
	"without a name that of any document, for editors and for other programs. An\n"
	"installation has all of them in share/sluice/schemas.\n"
	"\n"
	"  --names            what there is\n"
	"  --plugins DIR      where policy plugins (*.so) are; may be given several times\n"
	"                     (default: where this installation has them)\n"
	"  --help             this text\n";

static const struct command_entry {
	const char *name;
	enum command command;
	const char *help;
} commands[] = {
	{"compile", COMMAND_COMPILE, COMPILE_HELP},
	{"check", COMMAND_CHECK, CHECK_HELP},
	{"explain", COMMAND_EXPLAIN, EXPLAIN_HELP},
	{"schema", COMMAND_SCHEMA, SCHEMA_HELP},
};

enum option {
	PLUGINS,
	API,
	REQUEST,
	HEADER,
	OUT_FD,
	READY_FD,
	RECORD_IN,
	RECORD_OUT,
	PRINT,
	JSON,
	STRICT,
	NAMES,
	NO_LOAD,
	GATEWAY,
	HELP,
	UNKNOWN
};
static const char *const names[] = {"--plugins", "--api", "--request", "--header", "--out-fd", "--ready-fd",
	"--record-in", "--record-out", "--print", "--json", "--strict", "--names", "--no-load",
	"--gateway", "--help"};

static const struct command_entry *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static enum options_verdict refuse(
	const struct command_entry *c, const char *what, const char *value)
{
	fprintf(stderr, "sluice %s: %s '%s'; see sluice %s --help\n", c->name, what, value,
		c->name);
	return OPTIONS_BAD;
}

/* Of --name=value the name alone is looked at, and shown. */
static enum options_verdict refuse_unknown(const struct command_entry *c, struct str name)
{
	const char *near = nearest_name(name, names, ARRAY_COUNT(names));
	bool is_anothers = near && str_eq(str_of(near), name);
	fprintf(stderr, "sluice %s: %s '%.*s'", c->name,
		is_anothers ? "this command has no option" : "unknown option", STR_ARG(name));
	if (near && !is_anothers)
		fprintf(stderr, "; did you mean '%s'?\n", near);
	else
		fprintf(stderr, "; see sluice %s --help\n", c->name);
	return OPTIONS_BAD;
}

static bool append(const char **list, size_t *count, const char *value)
{
	if (*count == OPTION_LIST_MAX)
		return false;
	list[(*count)++] = value;
	return true;
}

static bool set_descriptor(int *to, const char *value)
{
	uint64_t n;
	if (str_to_u64(str_of(value), 65535, &n) != RC_OK)
		return false;
	*to = (int)n;
	return true;
}

static bool set(struct compile_options *o, enum option option, const char *value)
{
	switch (option) {
	case PLUGINS:
		return append(o->plugin_dirs, &o->plugin_dir_count, value);
	case HEADER:
		return append(o->headers, &o->header_count, value);
	case API:
		o->api = value;
		return true;
	case REQUEST:
		o->request = value;
		return true;
	case GATEWAY:
		o->gateway = value;
		return true;
	case OUT_FD:
		return set_descriptor(&o->out_fd, value);
	case READY_FD:
		return set_descriptor(&o->ready_fd, value);
	case RECORD_IN:
		return set_descriptor(&o->record_in_fd, value);
	case RECORD_OUT:
		return set_descriptor(&o->record_out_fd, value);
	default:
		return false;
	}
}

/* What an option name stands for: its text up to '='. */
static enum option option_of(const char *text, size_t n)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++)
		if (strlen(names[i]) == n && memcmp(names[i], text, n) == 0)
			return (enum option)i;
	return UNKNOWN;
}

static bool belongs(enum command command, enum option option)
{
	switch (option) {
	case API:
	case REQUEST:
	case HEADER:
		return command == COMMAND_EXPLAIN;
	case OUT_FD:
	case READY_FD:
	case RECORD_IN:
	case RECORD_OUT:
	case PRINT:
		return command == COMMAND_COMPILE;
	case JSON:
		return command == COMMAND_CHECK || command == COMMAND_EXPLAIN;
	case NO_LOAD:
	case GATEWAY:
		return command == COMMAND_CHECK;
	case NAMES:
		return command == COMMAND_SCHEMA;
	case STRICT:
		return command == COMMAND_CHECK || command == COMMAND_COMPILE;
	default:
		return option != UNKNOWN;
	}
}

/* NULL: an option with a value. */
static bool *flag_of(struct compile_options *o, enum option option)
{
	switch (option) {
	case PRINT:
		return &o->print;
	case JSON:
		return &o->json;
	case STRICT:
		return &o->strict;
	case NAMES:
		return &o->names;
	case NO_LOAD:
		return &o->no_load;
	default:
		return NULL;
	}
}

static enum options_verdict parse_one(
	const struct command_entry *c, int argc, char **argv, int *at, struct compile_options *o)
{
	const char *text = argv[*at];
	const char *equals = strchr(text, '=');
	size_t name_bytes = equals ? (size_t)(equals - text) : strlen(text);
	enum option option = option_of(text, name_bytes);
	if (option == HELP) {
		fputs(c->help, stdout);
		return OPTIONS_HELP;
	}
	if (!belongs(c->command, option))
		return refuse_unknown(c, str_n(text, name_bytes));
	bool *flag = flag_of(o, option);
	if (flag) {
		*flag = true;
		return equals ? refuse(c, "this option has no value:", text) : OPTIONS_RUN;
	}
	const char *value = equals ? equals + 1 : (*at + 1 < argc ? argv[++*at] : NULL);
	if (!value)
		return refuse(c, "a value is missing after", text);
	return set(o, option, value) ? OPTIONS_RUN : refuse(c, "cannot use", value);
}

static enum options_verdict check_whole(
	const struct command_entry *c, const struct compile_options *o)
{
	const char *missing = NULL;
	if (o->command == COMMAND_SCHEMA && o->path_count > 1)
		return refuse(c, "one name is enough:", o->paths[1]);
	if (o->path_count == 0 && o->command != COMMAND_SCHEMA)
		missing = "PATH of a configuration";
	else if (o->command == COMMAND_EXPLAIN && !o->api && !o->request)
		missing = "--api NAME";
	else if (o->command == COMMAND_EXPLAIN && o->json && !o->request)
		missing = "--request (for --json)";
	if (!missing)
		return OPTIONS_RUN;
	fprintf(stderr, "sluice %s: %s is missing; see sluice %s --help\n", c->name, missing,
		c->name);
	return OPTIONS_BAD;
}

enum options_verdict compile_options_parse(int argc, char **argv, struct compile_options *o)
{
	*o = (struct compile_options){.out_fd = -1, .ready_fd = -1, .record_in_fd = -1, .record_out_fd = -1};
	const char *name = argc > 1 ? argv[1] : "";
	if (strcmp(name, "--help") == 0) {
		fputs(GENERAL_HELP, stdout);
		return OPTIONS_HELP;
	}
	const struct command_entry *c = find_command(name);
	if (!c) {
		fputs(GENERAL_HELP, stderr);
		return OPTIONS_BAD;
	}
	o->command = c->command;
	for (int i = 2; i < argc; i++) {
		enum options_verdict verdict = OPTIONS_RUN;
		if (argv[i][0] == '-' && argv[i][1])
			verdict = parse_one(c, argc, argv, &i, o);
		else if (!append(o->paths, &o->path_count, argv[i]))
			verdict = refuse(c, "too many paths at", argv[i]);
		if (verdict != OPTIONS_RUN)
			return verdict;
	}
	return check_whole(c, o);
}
