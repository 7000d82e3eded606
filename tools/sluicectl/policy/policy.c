/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/policy/policy.h"

#include "base/check.h"
#include "sluicectl/command.h"
#include "sluicectl/exit_code.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char HELP[] =
	"usage: sluicectl policy COMMAND [options]\n"
	"\n"
	"The author's tools; they need no gateway.\n"
	"\n"
	"  new NAME            a folder NAME with a policy that builds, and its tests\n"
	"  build [DIR]         builds the policy in DIR (default: this one) into DIR/build\n"
	"  test [DIR]          builds it and runs its tests\n"
	"  bench FILE.so       what a request costs a policy: time, instructions (where the\n"
	"                      kernel counts them), allocations, beside none\n"
	"  inspect FILE.so     what a plugin says of itself, read without running it\n"
	"  pack FILE.so...     one version of a plugin, for all its machines, in one file\n"
	"  keygen --out KEY    a key to sign with: KEY (keep it secret) and KEY.pub\n"
	"  sign PACK --key KEY\n"
	"                      writes PACK.minisig\n"
	"  verify PACK --key KEY.pub\n"
	"                      whether the pack is whole and signed with the key, or one\n"
	"                      of several\n"
	"\n"
	"  --out PATH          new, pack: the folder (default: this one); keygen: the key\n"
	"  --gdb               test: in the debugger\n"
	"  --policy NAME       bench: which of the plugin's (default: the only one)\n"
	"  --config FILE       bench: the binding's configuration, YAML (default: none)\n"
	"  --request 'M T'     bench: method and target (default: GET /)\n"
	"  --header 'N: V'     bench: one more field of the request, several times\n"
	"  --body FILE         bench: what the request carries (default: nothing)\n"
	"  --count N           bench: requests (default: 200000)\n"
	"  --readme FILE       pack: its README.md (default: the one beside the first\n"
	"                      FILE.so, or in the folder above, if there is one)\n"
	"  --key FILE          sign: the secret key; verify: a public key, several times\n"
	"  --comment TEXT      sign: what is signed with it (default: the file's name)\n"
	"  --password-file F   keygen, sign: the key's password is the first line of F\n"
	"                      (keygen's default: none)\n"
	"  --force             keygen, sign, pack: write over what is there\n"
	"  --json              bench, inspect, verify: for programs\n"
	"\n"
	"Keys and signatures have minisign's format.\n"
	"Exit codes: 0 yes, 1 no, 2 wrong command line.\n";

/* Which options a command takes, as bits. */
enum {
	TAKES_OUT = 1,
	TAKES_README = 2,
	TAKES_KEY = 4,
	TAKES_COMMENT = 8,
	TAKES_PASSWORD = 16,
	TAKES_FORCE = 32,
	TAKES_JSON = 64,
	TAKES_GDB = 128,
	TAKES_POLICY = 256,
	TAKES_CONFIG = 512,
	TAKES_REQUEST = 1024,
	TAKES_HEADER = 2048,
	TAKES_BODY = 4096,
	TAKES_COUNT = 8192
};

static const struct command {
	const char *name;
	int (*run)(const struct policy_options *o);
	unsigned takes;
	unsigned needs; /* of those */
	size_t words_min, words_max;
	const char *words; /* for the message */
} commands[] = {
	{"new", policy_new, TAKES_OUT, 0, 1, 1, "NAME"},
	{"build", policy_build, 0, 0, 0, 1, ""},
	{"test", policy_test, TAKES_GDB, 0, 0, 1, ""},
	{"bench", policy_bench,
		TAKES_POLICY | TAKES_CONFIG | TAKES_REQUEST | TAKES_HEADER | TAKES_BODY |
			TAKES_COUNT | TAKES_JSON,
		0, 1, 1, "FILE.so"},
	{"inspect", policy_inspect, TAKES_JSON, 0, 1, 1, "FILE.so"},
	{"pack", policy_pack, TAKES_OUT | TAKES_README | TAKES_FORCE, 0, 1, POLICY_WORDS_MAX,
		"FILE.so..."},
	{"keygen", policy_keygen, TAKES_OUT | TAKES_PASSWORD | TAKES_FORCE, TAKES_OUT, 0, 0, ""},
	{"sign", policy_sign, TAKES_KEY | TAKES_COMMENT | TAKES_PASSWORD | TAKES_FORCE, TAKES_KEY,
		1, 1, "PACK"},
	{"verify", policy_verify, TAKES_KEY | TAKES_JSON, TAKES_KEY, 1, 1, "PACK"},
};

int policy_fail(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("sluicectl: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	return EXIT_NO;
}

static int refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int refuse(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fputs("sluicectl: policy ", stderr);
	vfprintf(stderr, format, args);
	fputs("; see sluicectl policy --help\n", stderr);
	va_end(args);
	return EXIT_USAGE;
}

/* --- the command line ------------------------------------------------------------------------ */
struct parse {
	const struct command *command;
	struct policy_options *options;
	unsigned given;
	int argc;
	char **argv;
	int at;
};

static const struct {
	const char *name;
	unsigned bit;
	bool has_value;
} options[] = {
	{"--out", TAKES_OUT, true},
	{"--readme", TAKES_README, true},
	{"--key", TAKES_KEY, true},
	{"--comment", TAKES_COMMENT, true},
	{"--password-file", TAKES_PASSWORD, true},
	{"--force", TAKES_FORCE, false},
	{"--json", TAKES_JSON, false},
	{"--gdb", TAKES_GDB, false},
	{"--policy", TAKES_POLICY, true},
	{"--config", TAKES_CONFIG, true},
	{"--request", TAKES_REQUEST, true},
	{"--header", TAKES_HEADER, true},
	{"--body", TAKES_BODY, true},
	{"--count", TAKES_COUNT, true},
};

static bool store(struct policy_options *o, unsigned bit, const char *value)
{
	switch (bit) {
	case TAKES_OUT:
		o->out = value;
		break;
	case TAKES_README:
		o->readme = value;
		break;
	case TAKES_COMMENT:
		o->comment = value;
		break;
	case TAKES_PASSWORD:
		o->password_file = value;
		break;
	case TAKES_FORCE:
		o->force = true;
		break;
	case TAKES_JSON:
		o->json = true;
		break;
	case TAKES_GDB:
		o->gdb = true;
		break;
	case TAKES_POLICY:
		o->policy = value;
		break;
	case TAKES_CONFIG:
		o->config = value;
		break;
	case TAKES_REQUEST:
		o->request = value;
		break;
	case TAKES_BODY:
		o->body = value;
		break;
	case TAKES_COUNT:
		o->count = value;
		break;
	case TAKES_HEADER:
		if (o->header_count == POLICY_WORDS_MAX)
			return false;
		o->headers[o->header_count++] = value;
		break;
	default:
		if (o->key_count == POLICY_WORDS_MAX)
			return false;
		o->keys[o->key_count++] = value;
	}
	return true;
}

/* -1 to go on. */
static int take_option(struct parse *p, const char *argument)
{
	size_t n = strcspn(argument, "=");
	for (size_t i = 0; i < ARRAY_COUNT(options); i++) {
		if (strlen(options[i].name) != n || strncmp(options[i].name, argument, n) != 0)
			continue;
		const char *value = argument[n] == '=' ? argument + n + 1 : NULL;
		if (!(p->command->takes & options[i].bit))
			return refuse("%s goes with another command", options[i].name);
		if (options[i].has_value && !value && p->at + 1 < p->argc)
			value = p->argv[++p->at];
		if (options[i].has_value != (value != NULL))
			return refuse(
				options[i].has_value ? "%s needs a value" : "%s takes no value",
				options[i].name);
		if (!store(p->options, options[i].bit, value))
			return refuse("%s is given too often", options[i].name);
		p->given |= options[i].bit;
		return -1;
	}
	return refuse("has no option '%s'", argument);
}

static int check_needs(const struct parse *p)
{
	for (size_t i = 0; i < ARRAY_COUNT(options); i++)
		if (p->command->needs & options[i].bit & ~p->given)
			return refuse("needs %s", options[i].name);
	if (p->options->word_count < p->command->words_min)
		return refuse("needs %s", p->command->words);
	return -1;
}

static int parse(struct parse *p)
{
	for (p->at = 2; p->at < p->argc; p->at++) {
		const char *argument = p->argv[p->at];
		int code = -1;
		if (argument[0] == '-')
			code = take_option(p, argument);
		else if (p->options->word_count < p->command->words_max)
			p->options->words[p->options->word_count++] = argument;
		else
			code = refuse("takes no more: '%s'", argument);
		if (code >= 0)
			return code;
	}
	return check_needs(p);
}

int policy_main(int argc, char **argv)
{
	struct policy_options o = {.word_count = 0};
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			fputs(HELP, stdout);
			return EXIT_YES;
		}
	if (argc < 2) {
		fputs(HELP, stderr);
		return EXIT_USAGE;
	}
	struct parse p = {.options = &o, .argc = argc, .argv = argv};
	p.command = command_find(COMMAND_TABLE(commands), argv[1],
		"sluicectl: policy has no command", "sluicectl policy --help");
	if (!p.command)
		return EXIT_USAGE;
	int code = parse(&p);
	return code >= 0 ? code : p.command->run(&o);
}
