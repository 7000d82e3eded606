/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/policy/policy.h - the author's commands: sluicectl policy COMMAND.
 *
 * They need no gateway. Exit codes: 0 yes, 1 no, 2 a wrong command line. */
#pragma once

#include "base/rc.h"

#include <stdbool.h>
#include <stddef.h>

#define POLICY_WORDS_MAX 16

struct policy_options {
	const char *words[POLICY_WORDS_MAX]; /* behind the command */
	size_t word_count;
	const char *keys[POLICY_WORDS_MAX]; /* --key */
	size_t key_count;
	const char *out;           /* --out; NULL: not given, as the others */
	const char *readme;        /* --readme */
	const char *comment;       /* --comment */
	const char *password_file; /* --password-file */
	const char *policy, *config, *request, *body, *count; /* bench: --policy and so on */
	const char *headers[POLICY_WORDS_MAX];                /* --header */
	size_t header_count;
	bool json, force, gdb;
};

/* argv[0] is "policy". */
int policy_main(int argc, char **argv);

/* One command each; they print what they found or what is wrong, and return the exit code. */
int policy_new(const struct policy_options *o);
int policy_build(const struct policy_options *o);
int policy_test(const struct policy_options *o);
int policy_bench(const struct policy_options *o);
int policy_inspect(const struct policy_options *o);
int policy_pack(const struct policy_options *o);
int policy_keygen(const struct policy_options *o);
int policy_sign(const struct policy_options *o);
int policy_verify(const struct policy_options *o);

/* Prints "sluicectl: ..." and returns the exit code of a no. */
int policy_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
