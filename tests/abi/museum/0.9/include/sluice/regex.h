/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/regex.h - the service "sluice.regex/1": regular expressions whose work is bounded.
 *
 * The syntax is PCRE2's, which holds what operators know from RE2. Subjects are bytes, not
 * characters: `.` is any byte but LF, `$` is the very end. Patterns come from whoever configures the
 * gateway, subjects from anybody: a match that takes too many steps is given up and is neither a
 * match nor none (SLUICE_E_FULL). A policy that decides who may pass denies then.
 */
#ifndef SLUICE_REGEX_H
#define SLUICE_REGEX_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_REGEX_SERVICE "sluice.regex/1"

/* A pattern has at most so many groups, and so many bytes. */
#define SLUICE_REGEX_GROUPS_MAX 32
#define SLUICE_REGEX_BYTES_MAX  4096

struct sluice_regex; /* compiled; belongs to the instance; immutable */

/* How a pattern is meant; others are refused. */
enum {
	SLUICE_REGEX_WHOLE = 1,      /* has to match the whole subject, as rules of bindings do */
	SLUICE_REGEX_IGNORE_CASE = 2 /* of ASCII letters */
};

struct sluice_regex_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only. NULL, and a configuration error at `at` with the place in the pattern, when
	 * it does not compile. `at` is where the pattern comes from; the pattern may be a part of that
	 * value, or the plugin's own. It is not used after the call. */
	struct sluice_regex *(*compile)(struct sluice_instance *instance, struct sluice_str pattern,
		uint32_t flags, const struct sluice_value *at);
	/* At the latest in `release`; NULL is harmless. */
	void (*free)(struct sluice_instance *instance, struct sluice_regex *regex);
	/* 0 to SLUICE_REGEX_GROUPS_MAX. */
	uint32_t (*group_count)(const struct sluice_regex *regex);

	/* Any callback, any thread. SLUICE_OK: it matches (the whole subject, or with a pattern that is
	 * not WHOLE any part of it); SLUICE_E_NOT_FOUND: it does not; SLUICE_E_FULL: given up, after
	 * 100,000 steps or because the subject is longer than 1 MiB.
	 * `groups` (may be NULL) has room for group_max views and gets what the first groups matched, as
	 * views of the subject; those that took no part, and those beyond group_count, are empty. */
	int32_t (*match)(const struct sluice_regex *regex, struct sluice_str subject,
		struct sluice_str *groups, size_t group_max);
	/* The same for the first match at or behind `start`, which is found in [*from, *to). For
	 * replacing go on at *to, one further after an empty match. */
	int32_t (*search)(const struct sluice_regex *regex, struct sluice_str subject, size_t start,
		size_t *from, size_t *to, struct sluice_str *groups, size_t group_max);
};

#ifdef __cplusplus
}
#endif
#endif
