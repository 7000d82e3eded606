/* SPDX-License-Identifier: Apache-2.0 */
#include "support.h"

#include "h1_transcript.h"

#include <stdarg.h>

const struct reading a_request = {.ends = false};
const struct reading a_response = {.is_response = true, .method = METHOD_GET};
const struct reading an_ended_response = {.is_response = true, .method = METHOD_GET, .ends = true};

/* Beyond this, two pieces at every byte would take too long. */
#define EVERY_SPLIT_BYTES_MAX 700

static struct h1_feeding feeding_of(const struct reading *how)
{
	return (struct h1_feeding){
		.is_response = how->is_response,
		.method = how->method,
		.upgrade_asked = how->upgrade_asked,
		.ends = how->ends,
		.limits = how->limits,
	};
}

static void check_pieces(const struct reading *how, const char *name, struct str raw,
	const char *expected, size_t first, size_t piece)
{
	struct buffer out;
	buffer_init(&out, 1 << 24);
	struct h1_feeding feeding = feeding_of(how);
	feeding.first = first;
	feeding.piece = piece;
	h1_transcribe(&feeding, raw, &out, NULL);
	ck_assert_msg(str_eq(buffer_str(&out), str_of(expected)),
		"%s, %zu bytes first, then by %zu:\n%.*s\nexpected:\n%s", name, first, piece,
		STR_ARG(buffer_str(&out)), expected);
	buffer_deinit(&out);
}

/* The messages as written anew give the same text, as far as they were whole. */
static void check_rewritten(const struct reading *how, const char *name, struct str raw)
{
	struct buffer once, twice, rewritten;
	buffer_init(&once, 1 << 24);
	buffer_init(&twice, 1 << 24);
	buffer_init(&rewritten, 1 << 24);
	struct h1_feeding feeding = feeding_of(how);
	feeding.is_canonical = true;
	h1_transcribe(&feeding, raw, &once, &rewritten);
	h1_transcribe(&feeding, buffer_str(&rewritten), &twice, NULL);
	ck_assert_msg(str_eq(buffer_str(&once), buffer_str(&twice)),
		"%s: written anew as\n%.*s\nit reads:\n%.*s\nexpected:\n%.*s", name,
		STR_ARG(buffer_str(&rewritten)), STR_ARG(buffer_str(&twice)),
		STR_ARG(buffer_str(&once)));
	buffer_deinit(&once);
	buffer_deinit(&twice);
	buffer_deinit(&rewritten);
}

static bool ends_well(const char *transcript)
{
	return str_ends(str_of(transcript), STR("end keep-alive\n")) ||
	       str_ends(str_of(transcript), STR("end close\n"));
}

void check_reading(
	const struct reading *how, const char *name, struct str raw, const char *expected)
{
	check_pieces(how, name, raw, expected, 0, 0);
	check_pieces(how, name, raw, expected, 1, 1);
	size_t step = raw.n <= EVERY_SPLIT_BYTES_MAX ? 1 : raw.n / 61;
	for (size_t first = 1; first < raw.n; first += step)
		check_pieces(how, name, raw, expected, first, 0);
	if (ends_well(expected) && !how->ends)
		check_rewritten(how, name, raw);
}

void check_readings(const struct reading *how, const struct reading_case *cases, size_t n)
{
	for (size_t i = 0; i < n; i++)
		check_reading(how, cases[i].name, cases[i].raw, cases[i].expected);
}

static struct arena arena;

static void free_arena(void)
{
	struct pool *pool = arena.pool;
	arena_reset(&arena);
	pool_free(pool);
}

struct arena *test_arena(void)
{
	if (!arena.pool) {
		arena_init(&arena, pool_new(), 64 << 20);
		atexit(free_arena);
	}
	return &arena;
}

struct str repeated(const char *text, size_t count)
{
	size_t n = strlen(text);
	char *p = arena_alloc(test_arena(), n * count + 1);
	ck_assert_ptr_nonnull(p);
	for (size_t i = 0; i < count; i++)
		memcpy(p + i * n, text, n);
	p[n * count] = 0;
	return str_n(p, n * count);
}

struct str joined(const char *first, ...)
{
	struct str all = STR_EMPTY;
	va_list args;
	va_start(args, first);
	for (const char *text = first; text; text = va_arg(args, const char *))
		all = arena_concat(test_arena(), all, str_of(text));
	va_end(args);
	return str_n(arena_concat(test_arena(), all, STR("\0")).p, all.n);
}
