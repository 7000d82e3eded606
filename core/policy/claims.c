/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/claims.h"

#include "json/json.h"
#include "json/plain_object.h"
#include "policy/chain.h"
#include "policy/host_priv.h"

/* What is escaped takes up to six times as much. */
#define TEXT_BYTES_MAX (6 * CLAIMS_BYTES_MAX)

static struct claim *find(struct exchange_claims *c, struct str name)
{
	for (uint32_t i = 0; c && i < c->count; i++)
		if (str_eq(c->items[i].name, name))
			return &c->items[i];
	return NULL;
}

const struct claim *claims_find(const struct sluice_exchange *x, struct str name)
{
	return find(x->claims, name);
}

static struct exchange_claims *claims_of(struct sluice_exchange *x)
{
	if (!x->claims)
		x->claims = arena_zalloc(x->arena, sizeof(*x->claims));
	return x->claims;
}

/* A place for one more; NULL: there is none. */
static struct claim *place_add(struct arena *arena, struct exchange_claims *c)
{
	if (c->count == CLAIMS_MAX)
		return NULL;
	if (c->count == c->capacity) {
		uint32_t more = c->capacity ? 2 * c->capacity : 8;
		struct claim *items = arena_realloc(
			arena, c->items, c->capacity * sizeof(*items), more * sizeof(*items));
		if (!items)
			return NULL;
		c->items = items;
		c->capacity = more;
	}
	return &c->items[c->count];
}

/* `json` is the compact text of a value. */
static enum rc put(struct sluice_exchange *x, struct str name, struct str json)
{
	if (name.n == 0 || name.n > CLAIM_NAME_BYTES_MAX)
		return RC_INVALID;
	struct exchange_claims *c = claims_of(x);
	struct claim *claim = find(c, name);
	struct claim *place = claim || !c ? claim : place_add(x->arena, c);
	if (!place)
		return RC_FULL;
	size_t bytes = c->bytes - (claim ? claim->json.n : 0) + (claim ? 0 : name.n) + json.n;
	if (bytes > CLAIMS_BYTES_MAX)
		return RC_FULL;
	struct str own_json = arena_copy(x->arena, json);
	struct str own_name = claim ? claim->name : arena_copy(x->arena, name);
	if (own_json.n == 0 || own_name.n == 0)
		return RC_FULL;
	c->count += claim == NULL;
	*place = (struct claim){own_name, own_json};
	c->bytes = bytes;
	c->value = NULL;
	return RC_OK;
}

static enum rc put_value(struct sluice_exchange *x, struct str name, const struct json_value *value)
{
	struct buffer text;
	buffer_init(&text, TEXT_BYTES_MAX);
	json_write(value, &text);
	enum rc rc = text.failed ? RC_FULL : put(x, name, buffer_str(&text));
	buffer_deinit(&text);
	return rc;
}

static enum rc read_claims(struct str json, struct json_document **d)
{
	struct json_error error;
	if (json.n > CLAIMS_BYTES_MAX)
		return RC_FULL;
	return json_parse(json, d, &error) == RC_OK ? RC_OK : RC_INVALID;
}

/* --- all members of an object ---------------------------------------------------------------- */
/* Where they go. */
typedef void *room_fn(void *of, size_t bytes);

/* Names, and values as json_write has them. */
struct members {
	struct claim items[CLAIMS_MAX];
	uint32_t count;
};

/* Names and values one behind the other in `text`, whose views they are. */
static enum rc members_write(
	const struct json_value *object, struct buffer *text, struct members *m)
{
	if (object->type != JSON_OBJECT)
		return RC_INVALID;
	if (object->u.object.count > CLAIMS_MAX)
		return RC_FULL;
	m->count = object->u.object.count;
	for (uint32_t i = 0; i < m->count; i++) {
		const struct json_member *from = &object->u.object.members[i];
		size_t start = text->n + from->key.n;
		buffer_add(text, from->key);
		json_write(&from->value, text);
		m->items[i] = (struct claim){{NULL, from->key.n}, {NULL, text->n - start}};
	}
	if (text->failed)
		return RC_FULL;
	const char *at = buffer_str(text).p;
	for (uint32_t i = 0; i < m->count; i++) {
		m->items[i].name.p = at;
		m->items[i].json.p = at + m->items[i].name.n;
		at = m->items[i].json.p + m->items[i].json.n;
	}
	return RC_OK;
}

/* Most are plain. */
static enum rc members_read(struct str json, struct buffer *text, struct members *m)
{
	struct json_plain_member plain[JSON_PLAIN_MEMBERS_MAX];
	struct json_document *d;
	enum rc rc = RC_OK;
	if (json.n <= CLAIMS_BYTES_MAX && json_plain_object(json, plain, &m->count) == RC_OK) {
		for (uint32_t i = 0; i < m->count; i++)
			m->items[i] = (struct claim){plain[i].name, plain[i].json};
		return RC_OK;
	}
	rc = read_claims(json, &d);
	if (rc != RC_OK)
		return rc;
	rc = members_write(json_root(d), text, m);
	json_free(d);
	return rc;
}

static enum rc members_measure(const struct members *m, size_t *bytes)
{
	*bytes = 0;
	for (uint32_t i = 0; i < m->count; i++) {
		if (m->items[i].name.n == 0 || m->items[i].name.n > CLAIM_NAME_BYTES_MAX)
			return RC_INVALID;
		*bytes += m->items[i].name.n + m->items[i].json.n;
	}
	return *bytes > CLAIMS_BYTES_MAX ? RC_FULL : RC_OK;
}

static enum rc members_copy(
	const struct members *m, room_fn *room, void *of, struct sluice_claims **out)
{
	size_t bytes;
	enum rc rc = members_measure(m, &bytes);
	if (rc != RC_OK)
		return rc;
	struct sluice_claims *c = room(of, sizeof(*c) + m->count * sizeof(c->items[0]) + bytes);
	if (!c)
		return RC_FULL;
	*c = (struct sluice_claims){.count = m->count, .bytes = bytes};
	char *to = (char *)&c->items[m->count];
	for (uint32_t i = 0; i < m->count; i++) {
		struct str name = m->items[i].name, json = m->items[i].json;
		memcpy(to, name.p, name.n);
		memcpy(to + name.n, json.p, json.n);
		c->items[i] = (struct claim){str_n(to, name.n), str_n(to + name.n, json.n)};
		to += name.n + json.n;
	}
	*out = c;
	return RC_OK;
}

static enum rc compose(struct str json, room_fn *room, void *of, struct sluice_claims **out)
{
	struct members m;
	struct buffer text;
	buffer_init(&text, TEXT_BYTES_MAX);
	enum rc rc = members_read(json, &text, &m);
	if (rc == RC_OK)
		rc = members_copy(&m, room, of, out);
	buffer_deinit(&text);
	return rc;
}

static void *room_of_instance(void *i, size_t bytes)
{
	return host_instance_alloc(i, bytes);
}

static void *room_of_arena(void *arena, size_t bytes)
{
	return arena_alloc(arena, bytes);
}

enum rc claims_prepare(struct sluice_instance *i, struct str json, struct sluice_claims **out)
{
	return compose(json, room_of_instance, i, out);
}

static enum rc put_all(struct sluice_exchange *x, const struct sluice_claims *from)
{
	enum rc rc = RC_OK;
	for (uint32_t i = 0; rc == RC_OK && i < from->count; i++)
		rc = put(x, from->items[i].name, from->items[i].json);
	return rc;
}

/* Of an exchange that has none they become its own where they are. */
static enum rc put_members(struct sluice_exchange *x, struct str json)
{
	struct sluice_claims *from;
	enum rc rc = compose(json, room_of_arena, x->arena, &from);
	if (rc != RC_OK)
		return rc;
	struct exchange_claims *c = claims_of(x);
	if (!c)
		return RC_FULL;
	if (c->count > 0 || from->count == 0)
		return put_all(x, from);
	*c = (struct exchange_claims){.items = from->items,
		.count = from->count,
		.capacity = from->count,
		.bytes = from->bytes};
	return RC_OK;
}

enum rc claims_set(struct sluice_exchange *x, struct str name, struct str json)
{
	struct json_document *d;
	if (name.n == 0)
		return put_members(x, json);
	enum rc rc = read_claims(json, &d);
	if (rc != RC_OK)
		return rc;
	rc = put_value(x, name, json_root(d));
	json_free(d);
	return rc;
}

/* --- prepared -------------------------------------------------------------------------------- */
/* Into an exchange that has none: two copies, and views anew. */
static enum rc place_all(
	struct arena *arena, struct exchange_claims *c, const struct sluice_claims *from)
{
	struct claim *items = arena_alloc(arena, from->count * sizeof(*items));
	char *text = arena_alloc(arena, from->bytes);
	if (!items || !text)
		return RC_FULL;
	memcpy(text, from->items[0].name.p, from->bytes);
	for (uint32_t i = 0; i < from->count; i++) {
		items[i].name = str_n(text, from->items[i].name.n);
		items[i].json = str_n(text + items[i].name.n, from->items[i].json.n);
		text += items[i].name.n + items[i].json.n;
	}
	*c = (struct exchange_claims){.items = items,
		.count = from->count,
		.capacity = from->count,
		.bytes = from->bytes};
	return RC_OK;
}

enum rc claims_set_prepared(struct sluice_exchange *x, const struct sluice_claims *from)
{
	struct exchange_claims *c = claims_of(x);
	if (!c)
		return RC_FULL;
	return c->count == 0 && from->count > 0 ? place_all(x->arena, c, from) : put_all(x, from);
}

bool claims_remove(struct sluice_exchange *x, struct str name)
{
	struct exchange_claims *c = x->claims;
	struct claim *claim = find(c, name);
	if (!claim)
		return false;
	c->bytes -= claim->name.n + claim->json.n;
	c->count--;
	c->value = NULL;
	memmove(claim, claim + 1, (size_t)(&c->items[c->count] - claim) * sizeof(*claim));
	return true;
}
