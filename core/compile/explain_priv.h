/* SPDX-License-Identifier: Apache-2.0 */
/* compile/explain_priv.h - what the files of explain share. */
#pragma once

#include "compile/commands.h"

#include "base/arena.h"
#include "http/message.h"
#include "plan/plan.h"

struct explain {
	const struct compile_options *options;
	const struct plan_node *root;
	const struct plan_node *api; /* NULL: the request has to tell */
	struct arena arena;
	struct http_request request;
};

/* --- explain.c --- */
struct str explain_text(const struct plan_node *n, const char *key);
const struct plan_node *explain_service(const struct explain *x, int64_t index);
/* "http://host:port" of a service, in the arena. */
struct str explain_address(struct explain *x, const struct plan_node *service);
void explain_print_api(struct explain *x);

/* --- explain_request.c --- */
/* What becomes of the request that the options hold; the exit code. */
int explain_request(struct explain *x);
