/* SPDX-License-Identifier: Apache-2.0 */
/* route/rule.h - the rules of one binding or route, compiled.
 *
 * Ownership    a list owns its rules, everything in them is copied: it outlives the plan.
 * Threads      immutable once made.
 */
#pragma once

#include "expr/regex.h"
#include "http/message.h"
#include "plan/plan.h"

struct rule_header {
	char *name; /* owned */
	size_t name_bytes;
	struct regex *value; /* owned */
};

struct rule {
	struct regex *path; /* owned; NULL: any */
	struct regex *methods;
	struct regex *host;
	struct rule_header *headers; /* owned */
	size_t header_count;
	char *methods_listed; /* owned: "GET|HEAD" where the pattern is a plain list; else NULL */
};

struct rule_list {
	struct rule *rules; /* owned; none: matches always */
	size_t count;
};

/* What the path was split into by the rule that matched. */
struct rule_groups {
	unsigned count; /* 0: the path stays */
	uint8_t holds;  /* of the path: enum uri_holds; the caller's */
	struct str items[REGEX_GROUPS_MAX];
};

/* `rules` may be NULL. `folds_case`: the paths will be in lower case, so patterns of paths match in
 * any. RC_INVALID: one sentence in `message`, and `out` holds nothing. */
MUST_USE enum rc rule_list_init(struct rule_list *out, const struct plan_node *rules,
	bool folds_case, char *message, size_t message_size);
void rule_list_deinit(struct rule_list *l);

/* `path` is what path rules see. RC_OK, RC_NOT_FOUND; RC_REFUSED: only methods are in the way;
 * RC_FULL: a rule exceeded its limits. `groups` may be NULL. */
MUST_USE enum rc rule_list_match(const struct rule_list *l, const struct http_request *request,
	struct str path, struct rule_groups *groups);
/* The same for one rule. */
MUST_USE enum rc rule_match(const struct rule *rule, const struct http_request *request,
	struct str path, struct rule_groups *groups);
/* How near a list came to matching: "taken" when it did, else the first part that the nearest rule
 * has against the request: "path", "host", "headers", "methods"; "limit": it cannot be decided. */
const char *rule_list_verdict(
	const struct rule_list *l, const struct http_request *request, struct str path);
