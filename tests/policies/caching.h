/* SPDX-License-Identifier: Apache-2.0 */
/* tests/policies/caching.h - http-caching in the SDK's harness: what becomes of a request, and of an answer. The
 * gateway's clock stands at 2023-11-14T22:13:20Z. Fields are lines, "name: value". */
#pragma once

#include "policy.h"

#define NAME  "http-caching"
#define PLAIN "{collapseTimeoutInMilliseconds: 0}"

#define HOUR   "Cache-Control: max-age=3600"
#define TAGGED "ETag: \"a\"\n"
#define MON    "Last-Modified: Mon, 13 Nov 2023 22:13:20 GMT" /* a day ago */
#define NOW    "Date: Tue, 14 Nov 2023 22:13:20 GMT"

enum fate {
	HIT,       /* answered from the cache, fresh */
	STALE,     /* answered from the cache, and it is stale */
	VALIDATED, /* the origin is asked whether it has changed */
	MISS,      /* the origin is asked for it */
	NOTHING    /* 504 */
};

int ask(struct visit *v, const char *method, const char *target, const char *fields);
void add_fields(struct visit *v, enum sluice_side side, const char *lines);
/* The origin's, which passes. */
void answer(struct visit *v, int status, const char *fields, const char *body);
/* A GET that the origin is asked for, and its 200. */
void fetch(struct visit *v, const char *target, const char *fields, const char *body);
/* Of a request whose outcome is known. */
enum fate fate_of(struct visit *v, int outcome);
void assert_fate(struct visit *v, const char *target, const char *fields, enum fate fate);
