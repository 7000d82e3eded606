/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Streams of several requests, changed where parsers differ: at line ends, colons, white space,
 * sizes, and in the order of fields. What a request means does not depend on what came before it,
 * and no beginning of a stream holds more requests than the stream. */
#include "h1_transcript.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t n_max, unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n,
	uint8_t *out, size_t out_max, unsigned seed);

/* --- invariants ---------------------------------------------------------------------------- */

static void transcribe(struct str raw, struct buffer *out)
{
	struct h1_feeding how = {.ends = false};
	buffer_init(out, 1 << 24);
	h1_transcribe(&how, raw, out, NULL);
}

/* How many bytes the first request takes; 0: it is not whole, or not right. */
static size_t first_request_bytes(struct str raw)
{
	struct pool *pool = pool_new();
	struct arena arena;
	struct http_request request;
	size_t at = 0, used;
	enum h1_event event = H1_MORE;
	arena_init(&arena, pool, LIMIT_EXCHANGE_ARENA_BYTES);
	struct h1_parser *parser = h1_parser_new(pool, false);
	h1_parser_begin_request(parser, &arena, &request);
	do {
		event = h1_parser_feed(parser, str_from(raw, at), &used);
		at += used;
	} while (event == H1_HEAD || event == H1_BODY);
	h1_parser_free(parser);
	arena_reset(&arena);
	pool_free(pool);
	return event == H1_END ? at : 0;
}

/* What follows the first request reads alike with and without it. */
static void check_independence(struct str raw)
{
	size_t first = first_request_bytes(raw);
	struct buffer whole, head, tail;
	if (first == 0)
		return;
	transcribe(raw, &whole);
	transcribe(str_slice(raw, 0, first), &head);
	transcribe(str_from(raw, first), &tail);
	struct str text = buffer_str(&whole), head_text = buffer_str(&head);
	CHECK(str_starts(text, head_text));
	CHECK(str_eq(str_from(text, head_text.n), buffer_str(&tail)));
	buffer_deinit(&whole);
	buffer_deinit(&head);
	buffer_deinit(&tail);
}

static size_t count_requests(struct str raw)
{
	size_t count = 0;
	for (size_t n; raw.n > 0 && (n = first_request_bytes(raw)) > 0; count++)
		raw = str_from(raw, n);
	return count;
}

static void check_beginnings(struct str raw)
{
	size_t whole = count_requests(raw);
	for (size_t i = 1; i < 8; i++)
		CHECK(count_requests(str_slice(raw, 0, raw.n * i / 8)) <= whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str raw = {(const char *)bytes, n};
	check_independence(raw);
	check_beginnings(raw);
	return 0;
}

/* --- the mutator --------------------------------------------------------------------------- */

static const struct str tokens[] = {
	{"\r\n", 2},
	{"\r", 1},
	{"\n", 1},
	{"\0", 1},
	{":", 1},
	{"\t", 1},
	{" ", 1},
	{"\r\n\r\n", 4},
	{"0\r\n\r\n", 5},
	{",", 1},
	{";", 1},
	{"\x0b", 1},
	{"Transfer-Encoding: chunked\r\n", 28},
	{"Content-Length: 1\r\n", 19},
	{"Connection: close\r\n", 19},
	{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27},
	{"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 67},
};

struct mutation {
	uint8_t *bytes;
	size_t n, n_max;
	uint64_t state;
};

static size_t draw(struct mutation *m, size_t below)
{
	m->state = m->state * 6364136223846793005u + 1442695040888963407u;
	return below ? (size_t)(m->state >> 33) % below : 0;
}

/* `gone` bytes at `at` become `n` of p. */
static void replace(struct mutation *m, size_t at, size_t gone, const void *p, size_t n)
{
	if (gone > m->n - at)
		gone = m->n - at;
	if (m->n - gone + n > m->n_max)
		return;
	memmove(m->bytes + at + n, m->bytes + at + gone, m->n - at - gone);
	memcpy(m->bytes + at, p, n);
	m->n += n - gone;
}

/* The line that begins at or before a random place, with its LF. */
static struct str draw_line(struct mutation *m)
{
	size_t from = draw(m, m->n), to = from;
	while (from > 0 && m->bytes[from - 1] != '\n')
		from--;
	while (to < m->n && m->bytes[to] != '\n')
		to++;
	to += to < m->n;
	return str_n((const char *)m->bytes + from, to - from);
}

static void copy_line(struct mutation *m, bool removes)
{
	char copy[512];
	struct str line = draw_line(m);
	size_t n = line.n < sizeof(copy) ? line.n : sizeof(copy);
	memcpy(copy, line.p, n);
	if (removes)
		replace(m, (size_t)((const uint8_t *)line.p - m->bytes), n, "", 0);
	struct str before = draw_line(m);
	replace(m, (size_t)((const uint8_t *)before.p - m->bytes), 0, copy, n);
}

static void mutate(struct mutation *m)
{
	size_t at = draw(m, m->n + 1);
	struct str token = tokens[draw(m, ARRAY_COUNT(tokens))];
	uint8_t byte = (uint8_t)draw(m, 256);
	switch (draw(m, 6)) {
	case 0:
		replace(m, at, 1 + draw(m, 4), "", 0);
		break;
	case 1:
		replace(m, at, 0, token.p, token.n);
		break;
	case 2:
		replace(m, at, 1, token.p, token.n);
		break;
	case 3:
		replace(m, at, 1, &byte, 1);
		break;
	case 4:
		copy_line(m, true);
		break;
	default:
		copy_line(m, false);
		break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n, size_t n_max, unsigned seed)
{
	struct mutation m = {.bytes = bytes, .n = n, .n_max = n_max, .state = seed};
	for (size_t i = 1 + draw(&m, 4); i > 0; i--)
		mutate(&m);
	return m.n;
}

/* One stream behind the other, from the beginning of a line on. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_n, const uint8_t *b, size_t b_n,
	uint8_t *out, size_t out_max, unsigned seed)
{
	size_t n = a_n < out_max ? a_n : out_max;
	memcpy(out, a, n);
	size_t more = b_n < out_max - n ? b_n : out_max - n;
	memcpy(out + n, b, more);
	return n + more;
}
