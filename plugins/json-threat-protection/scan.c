/* SPDX-License-Identifier: Apache-2.0 */
/* Strings are most of a text: they are passed over eight bytes at a time until a byte comes that
 * ends them, escapes, is a control character or no ASCII. */
#include "scan.h"

#include <string.h>

#define IS_OBJECT    ((uint64_t)1 << 63)
#define OBJECT_SHIFT 31
#define COUNT_MASK   0x7fffffffu
#define LEVELS_FIRST 64
#define NAMES_FIRST  256
#define NAMES_KEPT   4096 /* a larger table is not kept for the next text */
#define ONES         0x0101010101010101u
#define HIGH_BITS    0x8080808080808080u

struct run {
	struct scanner *s;
	const struct scan_limits *limits;
	const unsigned char *p, *end;
	size_t depth;
};

/* What the passing of a string found. */
struct text_found {
	const unsigned char *from, *to; /* between the quotes */
	int64_t length;                 /* in characters */
	int has_escapes;
};

static int exceeds(int64_t n, int64_t limit)
{
	return limit >= 0 && n > limit;
}

/* --- memory ---------------------------------------------------------------------------------- */
static void *grow(struct scanner *s, void *old, size_t used, size_t size)
{
	void *p = s->host->instance_alloc(s->instance, size);
	if (!p)
		return NULL;
	if (used)
		memcpy(p, old, used);
	s->host->instance_free(s->instance, old);
	return p;
}

static int levels_grow(struct scanner *s)
{
	size_t capacity = s->level_capacity ? 2 * s->level_capacity : LEVELS_FIRST;
	uint64_t *levels =
		grow(s, s->levels, s->level_capacity * sizeof(*levels), capacity * sizeof(*levels));
	if (!levels)
		return 0;
	s->levels = levels;
	s->level_capacity = capacity;
	return 1;
}

/* --- names ----------------------------------------------------------------------------------- */
static struct scan_name *name_slot(const struct scanner *s, struct scan_name *names,
	size_t capacity, uint64_t hash, uint32_t object)
{
	size_t i = (size_t)(hash ^ (object * (uint64_t)0x9e3779b97f4a7c15u)) & (capacity - 1);
	while (names[i].text == s->text && (names[i].hash != hash || names[i].object != object))
		i = (i + 1) & (capacity - 1);
	return &names[i];
}

static int names_grow(struct scanner *s)
{
	size_t capacity = s->name_capacity ? 2 * s->name_capacity : NAMES_FIRST;
	struct scan_name *names = s->host->instance_alloc(s->instance, capacity * sizeof(*names));
	if (!names)
		return 0;
	memset(names, 0, capacity * sizeof(*names));
	for (size_t i = 0; i < s->name_capacity; i++) {
		const struct scan_name *n = &s->names[i];
		if (n->text == s->text)
			*name_slot(s, names, capacity, n->hash, n->object) = *n;
	}
	s->host->instance_free(s->instance, s->names);
	s->names = names;
	s->name_capacity = capacity;
	return 1;
}

static void names_reset(struct scanner *s)
{
	if (s->name_capacity > NAMES_KEPT || s->text == UINT32_MAX) {
		s->host->instance_free(s->instance, s->names);
		s->names = NULL;
		s->name_capacity = 0;
	}
	s->name_count = 0;
	s->text = s->text == UINT32_MAX ? 1 : s->text + 1;
}

static unsigned hex(const unsigned char *p)
{
	unsigned value = 0;
	for (int i = 0; i < 4; i++) {
		unsigned c = p[i];
		value = value << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xc0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3f));
	} else if (c < 0x10000) {
		*out++ = (char)(0xe0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	} else {
		*out++ = (char)(0xf0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3f));
		*out++ = (char)(0x80 | (c >> 6 & 0x3f));
		*out++ = (char)(0x80 | (c & 0x3f));
	}
	return out;
}

/* One escape whose form has been checked: behind the backslash at p, to behind it. */
static const unsigned char *decode_escape(const unsigned char *p, char **out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	if (*p != 'u') {
		*(*out)++ = to[strchr(from, *p) - from];
		return p + 1;
	}
	uint32_t c = hex(p + 1);
	p += 5;
	if (c >= 0xd800 && c < 0xdc00) {
		c = 0x10000 + ((c - 0xd800) << 10) + (hex(p + 2) - 0xdc00);
		p += 6;
	}
	*out = put_utf8(*out, c);
	return p;
}

/* The name as it reads, decoded when it has escapes; what is decoded is never longer. */
static int name_decode(struct scanner *s, const struct text_found *t, struct sluice_str *name)
{
	size_t n = (size_t)(t->to - t->from);
	*name = (struct sluice_str){(const char *)t->from, n};
	if (!t->has_escapes)
		return 1;
	if (s->decoded_capacity < n) {
		char *decoded = grow(s, s->decoded, 0, n);
		if (!decoded)
			return 0;
		s->decoded = decoded;
		s->decoded_capacity = n;
	}
	char *out = s->decoded;
	for (const unsigned char *p = t->from; p < t->to;) {
		if (*p == '\\')
			p = decode_escape(p + 1, &out);
		else
			*out++ = (char)*p++;
	}
	*name = (struct sluice_str){s->decoded, (size_t)(out - s->decoded)};
	return 1;
}

static enum scan_verdict name_remember(struct run *r, const struct text_found *t)
{
	struct scanner *s = r->s;
	struct sluice_str name;
	if (2 * (s->name_count + 1) > s->name_capacity && !names_grow(s))
		return SCAN_MEMORY;
	if (!name_decode(s, t, &name))
		return SCAN_MEMORY;
	uint64_t hash = s->crypto->keyed_hash(s->key, name);
	uint32_t object = (uint32_t)(s->levels[r->depth - 1] >> OBJECT_SHIFT);
	struct scan_name *slot = name_slot(s, s->names, s->name_capacity, hash, object);
	if (slot->text == s->text)
		return SCAN_DUPLICATE;
	*slot = (struct scan_name){hash, object, s->text};
	s->name_count++;
	return SCAN_OK;
}

/* --- scalars --------------------------------------------------------------------------------- */
static const unsigned char *skip_space(const unsigned char *p, const unsigned char *end)
{
	while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p;
}

/* Up to the first byte that is a quote, a backslash, a control character or no ASCII. */
static const unsigned char *skip_plain(const unsigned char *p, const unsigned char *end)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	while (end - p >= 8) {
		uint64_t w;
		memcpy(&w, p, sizeof(w));
		uint64_t quote = w ^ ONES * '"', escape = w ^ ONES * '\\';
		uint64_t found =
			((w - ONES * 0x20) | (quote - ONES) | (escape - ONES) | w) & HIGH_BITS;
		if (found)
			return p + __builtin_ctzll(found) / 8;
		p += 8;
	}
#endif
	while (p < end && *p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\')
		p++;
	return p;
}

static int is_hex(const unsigned char *p)
{
	for (int i = 0; i < 4; i++) {
		unsigned char c = p[i] | 0x20;
		if (!(p[i] >= '0' && p[i] <= '9') && !(c >= 'a' && c <= 'f'))
			return 0;
	}
	return 1;
}

/* The length of an escape at p (a backslash); 0 when it is none. A surrogate needs its partner. */
static size_t escape_length(const unsigned char *p, const unsigned char *end)
{
	if (end - p < 2)
		return 0;
	if (p[1] != 'u')
		return p[1] && strchr("\"\\/bfnrt", p[1]) ? 2 : 0;
	if (end - p < 6 || !is_hex(p + 2))
		return 0;
	unsigned c = hex(p + 2);
	if (c < 0xd800 || c > 0xdfff)
		return 6;
	if (c > 0xdbff || end - p < 12 || p[6] != '\\' || p[7] != 'u' || !is_hex(p + 8))
		return 0;
	unsigned low = hex(p + 8);
	return low >= 0xdc00 && low <= 0xdfff ? 12 : 0;
}

/* The length of a UTF-8 sequence of more than one byte (RFC 3629); 0 when it is none. */
static size_t utf8_length(const unsigned char *p, const unsigned char *end)
{
	size_t n = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : 2;
	if (*p < 0xc2 || *p > 0xf4 || (size_t)(end - p) < n)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
		(*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return n;
}

/* r->p at the opening quote, then behind the closing one. */
static enum scan_verdict scan_string(struct run *r, struct text_found *t)
{
	const unsigned char *p = r->p + 1;
	int64_t beyond = 0; /* bytes that are no character of their own */
	t->from = p;
	t->has_escapes = 0;
	for (;;) {
		p = skip_plain(p, r->end);
		if (p == r->end || *p < 0x20) {
			r->p = p;
			return SCAN_INVALID;
		}
		if (*p == '"')
			break;
		size_t n = *p == '\\' ? escape_length(p, r->end) : utf8_length(p, r->end);
		if (n == 0) {
			r->p = p;
			return SCAN_INVALID;
		}
		t->has_escapes |= *p == '\\';
		beyond += (int64_t)n - 1;
		p += n;
	}
	t->to = p;
	t->length = (t->to - t->from) - beyond;
	r->p = p + 1;
	return SCAN_OK;
}

static const unsigned char *skip_digits(const unsigned char *p, const unsigned char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

/* Behind the digits at p, of which there has to be one; NULL. */
static const unsigned char *need_digits(const unsigned char *p, const unsigned char *end)
{
	const unsigned char *to = skip_digits(p, end);
	return to > p ? to : NULL;
}

static enum scan_verdict scan_number(struct run *r)
{
	const unsigned char *p = r->p, *end = r->end;
	if (*p == '-')
		p++;
	if (p < end && *p == '0')
		p++;
	else
		p = need_digits(p, end);
	if (p && p < end && *p == '.')
		p = need_digits(p + 1, end);
	if (p && p < end && (*p | 0x20) == 'e') {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		p = need_digits(p, end);
	}
	if (!p)
		return SCAN_INVALID;
	if (exceeds(p - r->p, r->limits->number_length))
		return SCAN_NUMBER_LENGTH;
	r->p = p;
	return SCAN_OK;
}

static enum scan_verdict scan_word(struct run *r, const char *word, size_t n)
{
	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
		return SCAN_INVALID;
	r->p += n;
	return SCAN_OK;
}

/* --- containers ------------------------------------------------------------------------------ */
static enum scan_verdict container_open(struct run *r, int is_object)
{
	struct scanner *s = r->s;
	if (exceeds((int64_t)r->depth + 1, r->limits->depth) || r->depth == SCAN_DEPTH_MAX)
		return SCAN_DEPTH;
	if (r->depth == s->level_capacity && !levels_grow(s))
		return SCAN_MEMORY;
	s->levels[r->depth++] = (is_object ? IS_OBJECT : 0) | (uint64_t)s->object++ << OBJECT_SHIFT;
	r->p++;
	return SCAN_OK;
}

/* One more entry or element of the innermost container. */
static enum scan_verdict count_one(struct run *r)
{
	uint64_t *level = &r->s->levels[r->depth - 1];
	int64_t count = (int64_t)(++*level & COUNT_MASK);
	if (*level & IS_OBJECT)
		return exceeds(count, r->limits->entries) ? SCAN_ENTRIES : SCAN_OK;
	return exceeds(count, r->limits->elements) ? SCAN_ELEMENTS : SCAN_OK;
}

/* "name":, when the innermost container is an object; counts. */
static enum scan_verdict scan_entry(struct run *r)
{
	struct text_found name;
	enum scan_verdict v = count_one(r);
	if (v != SCAN_OK || !(r->s->levels[r->depth - 1] & IS_OBJECT))
		return v;
	if (r->p == r->end || *r->p != '"')
		return SCAN_INVALID;
	v = scan_string(r, &name);
	if (v == SCAN_OK && exceeds(name.length, r->limits->name_length))
		v = SCAN_NAME_LENGTH;
	if (v == SCAN_OK && r->limits->unique_names)
		v = name_remember(r, &name);
	if (v != SCAN_OK)
		return v;
	r->p = skip_space(r->p, r->end);
	if (r->p == r->end || *r->p != ':')
		return SCAN_INVALID;
	r->p++;
	return SCAN_OK;
}

/* Opens a container; *is_value when it is closed at once, and so is a value. */
static enum scan_verdict scan_open(struct run *r, int is_object, int *is_value)
{
	enum scan_verdict v = container_open(r, is_object);
	if (v != SCAN_OK)
		return v;
	r->p = skip_space(r->p, r->end);
	*is_value = r->p < r->end && *r->p == (is_object ? '}' : ']');
	if (!*is_value)
		return scan_entry(r);
	r->depth--;
	r->p++;
	return SCAN_OK;
}

/* A scalar, or the beginning of a container up to its first value. */
static enum scan_verdict scan_value(struct run *r, int *is_value)
{
	struct text_found text;
	enum scan_verdict v;
	*is_value = 1;
	r->p = skip_space(r->p, r->end);
	switch (r->p < r->end ? *r->p : 0) {
	case '{':
		return scan_open(r, 1, is_value);
	case '[':
		return scan_open(r, 0, is_value);
	case '"':
		v = scan_string(r, &text);
		if (v == SCAN_OK && exceeds(text.length, r->limits->string_length))
			v = SCAN_STRING_LENGTH;
		return v;
	case 't':
		return scan_word(r, "true", 4);
	case 'f':
		return scan_word(r, "false", 5);
	case 'n':
		return scan_word(r, "null", 4);
	default:
		if (r->p < r->end && (*r->p == '-' || (*r->p >= '0' && *r->p <= '9')))
			return scan_number(r);
		return SCAN_INVALID;
	}
}

/* Behind a value: closes what ends here; then *is_end, or the next value begins. */
static enum scan_verdict scan_behind(struct run *r, int *is_end)
{
	for (;;) {
		r->p = skip_space(r->p, r->end);
		*is_end = r->depth == 0;
		if (r->depth == 0)
			return r->p == r->end ? SCAN_OK : SCAN_INVALID;
		if (r->p == r->end)
			return SCAN_INVALID;
		if (*r->p == ',') {
			r->p = skip_space(r->p + 1, r->end);
			return scan_entry(r);
		}
		if (*r->p != (r->s->levels[r->depth - 1] & IS_OBJECT ? '}' : ']'))
			return SCAN_INVALID;
		r->depth--;
		r->p++;
	}
}

enum scan_verdict scan(
	struct scanner *s, const struct scan_limits *limits, struct sluice_str text, size_t *at)
{
	const unsigned char *from = (const unsigned char *)text.p;
	struct run r = {.s = s, .limits = limits, .p = from, .end = from + text.n};
	enum scan_verdict v;
	int is_value, is_end = 0;
	s->object = 0;
	if (limits->unique_names)
		names_reset(s);
	do {
		v = scan_value(&r, &is_value);
		if (v == SCAN_OK && is_value)
			v = scan_behind(&r, &is_end);
	} while (v == SCAN_OK && !is_end);
	*at = (size_t)(r.p - from);
	return v;
}

int scanner_init(struct scanner *s, const struct sluice_call *call,
	const struct sluice_crypto_service *crypto)
{
	*s = (struct scanner){.host = call->host, .instance = call->instance, .crypto = crypto};
	return crypto->random(s->key, sizeof(s->key)) == SLUICE_OK ? 0 : -1;
}

void scanner_deinit(struct scanner *s)
{
	s->host->instance_free(s->instance, s->levels);
	s->host->instance_free(s->instance, s->names);
	s->host->instance_free(s->instance, s->decoded);
}
