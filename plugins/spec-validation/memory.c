/* SPDX-License-Identifier: Apache-2.0 */
#include "memory.h"

#include <string.h>

#define BLOCK_BYTES 16384
#define ALIGN       16

struct block {
	struct block *next;
	_Alignas(ALIGN) char bytes[];
};

void *pool_alloc(struct pool *p, size_t size)
{
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (size > p->room) {
		size_t bytes = size > BLOCK_BYTES ? size : BLOCK_BYTES;
		struct block *b = p->host->instance_alloc(p->instance, sizeof(*b) + bytes);
		if (!b)
			return NULL;
		b->next = p->blocks;
		p->blocks = b;
		p->at = b->bytes;
		p->room = bytes;
	}
	void *at = p->at;
	p->at += size;
	p->room -= size;
	return memset(at, 0, size);
}

struct sluice_str pool_copy(struct pool *p, struct sluice_str s)
{
	char *copy = pool_alloc(p, s.n + 1);
	if (copy && s.n)
		memcpy(copy, s.p, s.n);
	return (struct sluice_str){copy, copy ? s.n : 0};
}

void pool_free(struct pool *p)
{
	for (struct block *next, *b = p->blocks; b; b = next) {
		next = b->next;
		p->host->instance_free(p->instance, b);
	}
	p->blocks = NULL;
	p->room = 0;
}

/* --- texts ----------------------------------------------------------------------------------- */
void text_init(struct text *t, const struct sluice_call *call, size_t max)
{
	*t = (struct text){.host = call->host, .instance = call->instance, .max = max};
}

void text_deinit(struct text *t)
{
	t->host->instance_free(t->instance, t->p);
}

static int text_grow(struct text *t, size_t more)
{
	size_t capacity = t->capacity ? t->capacity : 256;
	if (t->failed || more > t->max || t->n > t->max - more)
		return 0;
	while (capacity < t->n + more)
		capacity *= 2;
	if (capacity == t->capacity)
		return 1;
	char *p = t->host->instance_alloc(t->instance, capacity);
	if (!p)
		return 0;
	if (t->n)
		memcpy(p, t->p, t->n);
	t->host->instance_free(t->instance, t->p);
	t->p = p;
	t->capacity = capacity;
	return 1;
}

void text_add(struct text *t, struct sluice_str s)
{
	if (!text_grow(t, s.n)) {
		t->failed = 1;
		return;
	}
	if (s.n)
		memcpy(t->p + t->n, s.p, s.n);
	t->n += s.n;
}

void text_add_char(struct text *t, char c)
{
	text_add(t, (struct sluice_str){&c, 1});
}

void text_add_json(struct text *t, struct sluice_str s)
{
	static const char hex[] = "0123456789abcdef";
	text_add_char(t, '"');
	for (size_t i = 0, from = 0; i <= s.n; i++) {
		unsigned char c = i < s.n ? (unsigned char)s.p[i] : 0;
		if (i < s.n && c >= 0x20 && c != '"' && c != '\\')
			continue;
		text_add(t, (struct sluice_str){s.p + from, i - from});
		from = i + 1;
		if (i < s.n) {
			char escape[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
			text_add(t, (struct sluice_str){escape, sizeof(escape)});
		}
	}
	text_add_char(t, '"');
}

/* --- strings --------------------------------------------------------------------------------- */
int str_equal(struct sluice_str a, struct sluice_str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

struct sluice_str str_cut(struct sluice_str *s, char c)
{
	const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
	struct sluice_str part = {s->p, at ? (size_t)(at - s->p) : s->n};
	*s = at ? (struct sluice_str){at + 1, s->n - part.n - 1} : (struct sluice_str){NULL, 0};
	return part;
}

static size_t digits_at(struct sluice_str s, size_t i)
{
	size_t from = i;
	while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
		i++;
	return i - from;
}

int str_is_number(struct sluice_str s)
{
	size_t i = s.n && s.p[0] == '-' ? 1 : 0, n = digits_at(s, i);
	if (n == 0 || (n > 1 && s.p[i] == '0'))
		return 0;
	i += n;
	if (i < s.n && s.p[i] == '.') {
		n = digits_at(s, ++i);
		if (n == 0)
			return 0;
		i += n;
	}
	if (i < s.n && (s.p[i] | 0x20) == 'e') {
		i++;
		if (i < s.n && (s.p[i] == '+' || s.p[i] == '-'))
			i++;
		n = digits_at(s, i);
		if (n == 0)
			return 0;
		i += n;
	}
	return i == s.n;
}
