/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links route plan http base */
/* Any bytes as a target at a table of APIs that take paths in all the ways there are. The path that
 * rules and the upstream see is canonical, holds only what its API takes, and the API is that of
 * the longest base path, which a plain walk over all of them finds, too. */
#include "base/buffer.h"
#include "base/check.h"
#include "base/limits.h"
#include "http/uri.h"
#include "route/path_options.h"
#include "route/route_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

struct api {
	const char *base, *slash, *parameters, *letters;
};

static const struct api apis[] = {
	{"/a", "reject", "keep", "keep"},
	{"/a/b", "keep", "keep", "keep"},
	{"/A", "reject", "reject", "keep"},
	{"/s", "keep", "strip", "lower"},
	{"/s/t", "reject", "keep", "keep"},
	{"/low", "reject", "keep", "lower"},
	{"/low/er", "keep", "reject", "lower"},
	{"/p", "reject", "strip", "keep"},
};

static const struct position nowhere = {"", 0, 0};
static struct plan *plan;
static struct route_table *table;

static void write_api(struct plan_writer *w, const struct api *api)
{
	plan_open_object(w, NULL, nowhere);
	plan_write_integer(w, "listener", nowhere, 0);
	plan_write_string(w, "basePath", nowhere, str_of(api->base));
	plan_open_object(w, "paths", nowhere);
	plan_write_string(w, "encodedSlash", nowhere, str_of(api->slash));
	plan_write_string(w, "parameters", nowhere, str_of(api->parameters));
	plan_write_string(w, "case", nowhere, str_of(api->letters));
	plan_close(w);
	plan_close(w);
}

static void make_table(void)
{
	struct plan_writer *w = plan_writer_new();
	struct buffer bytes;
	char message[200];
	buffer_init(&bytes, 1 << 20);
	plan_open_array(w, NULL, nowhere);
	for (size_t i = 0; i < ARRAY_COUNT(apis); i++)
		write_api(w, &apis[i]);
	plan_close(w);
	CHECK(plan_writer_finish(w, &bytes) == RC_OK);
	plan_writer_free(w);
	CHECK(plan_decode(buffer_str(&bytes), &plan, message, sizeof(message)) == RC_OK);
	CHECK(route_table_of_plan(plan_root(plan), 0, &table, message, sizeof(message)) == RC_OK);
	buffer_deinit(&bytes);
}

static bool is_inside(struct str path, const char *base)
{
	struct str b = str_of(base);
	return str_starts(path, b) && (path.n == b.n || path.p[b.n] == '/');
}

/* Of the path as it has become, every API that could have it: none has a longer base path. */
static void check_longest(struct str path, size_t found)
{
	size_t own = strlen(apis[found].base);
	CHECK(is_inside(path, apis[found].base));
	for (size_t i = 0; i < ARRAY_COUNT(apis); i++)
		CHECK(!is_inside(path, apis[i].base) || strlen(apis[i].base) <= own);
}

static void check_taken(
	const struct http_request *r, const struct route_match *m, struct arena *arena)
{
	const struct api *api = &apis[m->api];
	uint8_t holds;
	struct str again;
	CHECK(uri_read_path(r->path, arena, &again, &holds) == RC_OK && str_eq(r->path, again));
	CHECK(holds == r->path_holds);
	CHECK(!(holds & URI_ENCODED_SLASH) || strcmp(api->slash, "keep") == 0);
	CHECK(!(holds & URI_PARAMETERS) || strcmp(api->parameters, "keep") == 0);
	CHECK(m->rest.p + m->rest.n == r->path.p + r->path.n);
	CHECK(r->path.n - m->rest.n == strlen(api->base));
	if (strcmp(api->letters, "lower") == 0) {
		CHECK(uri_lower_path(r->path, arena, &again) == RC_OK);
		CHECK(again.p == r->path.p);
	}
	check_longest(r->path, m->api);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct pool *pool = pool_new();
	struct arena arena;
	struct http_request r;
	struct route_match match;
	if (!table)
		make_table();
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	http_request_init(&r, &arena);
	struct str in = {(const char *)bytes, n};
	if (uri_read_path(in, &arena, &r.path, &r.path_holds) == RC_OK) {
		enum rc rc = route_table_take(table, &r, &arena, &match);
		CHECK(rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_INVALID);
		if (rc == RC_OK)
			check_taken(&r, &match, &arena);
	}
	arena_reset(&arena);
	pool_free(pool);
	return 0;
}
