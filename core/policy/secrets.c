/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/secrets.h"

#include "base/limits.h"
#include "http/query_mask.h"
#include "http/uri.h"
#include "policy/host_priv.h"

/* --- names ----------------------------------------------------------------------------------- */
struct secret_name {
	struct secret_name *next;
	enum secret_part part;
	enum field_id id; /* of a field's */
	struct str text;  /* behind it */
};

enum rc policy_secret_add(struct sluice_instance *i, uint32_t part, struct str name)
{
	unsigned count = 0;
	if (part < SECRET_QUERY || part > SECRET_COOKIE || name.n == 0)
		return RC_INVALID;
	for (const struct secret_name *s = i->secrets; s; s = s->next)
		count++;
	struct secret_name *s = count < LIMIT_SECRETS_PER_INSTANCE
					? host_instance_alloc(i, sizeof(*s) + name.n)
					: NULL;
	if (!s)
		return RC_FULL;
	memcpy(s + 1, name.p, name.n);
	*s = (struct secret_name){i->secrets, (enum secret_part)part, field_id_of(name),
		str_n((const char *)(s + 1), name.n)};
	i->secrets = s;
	return RC_OK;
}

void instance_secrets_free(struct sluice_instance *i)
{
	while (i->secrets) {
		struct secret_name *next = i->secrets->next;
		host_instance_free(i, i->secrets);
		i->secrets = next;
	}
}

static const struct secret_name *name_find(
	const struct secret_name *s, enum secret_part part, struct str name)
{
	while (s && (s->part != part || !str_eq_nocase(s->text, name)))
		s = s->next;
	return s;
}

static bool chain_names(const struct chain *chain, enum secret_part part, struct str name)
{
	for (uint64_t left = chain->secretive; left; left &= left - 1) {
		const struct chain_binding *b = &chain->bindings[__builtin_ctzll(left)];
		if (name_find(b->instance->secrets, part, name))
			return true;
	}
	return false;
}

bool chain_has_secrets(const struct chain *chain)
{
	return chain->secretive != 0;
}

bool chain_hides_queries(const struct chain *chain)
{
	for (uint64_t left = chain->secretive; left; left &= left - 1)
		for (const struct secret_name *s =
				chain->bindings[__builtin_ctzll(left)].instance->secrets;
			s; s = s->next)
			if (s->part == SECRET_QUERY)
				return true;
	return false;
}

/* --- values ---------------------------------------------------------------------------------- */
struct exchange_secrets {
	uint32_t count;
	bool is_partial; /* there were more, or no memory for them */
	struct str values[LIMIT_SECRETS_PER_EXCHANGE];
};

/* Where they cannot be told, no line that may hold one is shown. */
static void lose(struct sluice_exchange *x)
{
	static struct exchange_secrets lost = {.is_partial = true}; /* is never written */
	x->secrets = &lost;
}

static struct exchange_secrets *secrets_of(struct sluice_exchange *x)
{
	struct exchange_secrets *s = x->secrets;
	if (s)
		return s;
	s = x->secrets = arena_alloc(x->arena, sizeof(*s));
	if (s) {
		s->count = 0;
		s->is_partial = false;
	} else {
		lose(x);
	}
	return x->secrets;
}

/* What is too short is no secret, and would tear ordinary words out of the log. */
static void remember(struct sluice_exchange *x, struct str value)
{
	if (value.n < LIMIT_SECRET_BYTES_MIN)
		return;
	struct exchange_secrets *s = secrets_of(x);
	if (s->is_partial)
		return;
	if (s->count == LIMIT_SECRETS_PER_EXCHANGE)
		s->is_partial = true;
	else
		s->values[s->count++] = value;
}

static bool is_secret_parameter(void *chain, struct str name)
{
	return chain_names(chain, SECRET_QUERY, name);
}

static void hide_query(struct sluice_exchange *x, const struct chain *chain)
{
	struct http_request *r = x->request;
	struct str left = r->query, name, value;
	int32_t masked;
	if (r->query.n == 0)
		return;
	r->target = query_mask(
		r->target, is_secret_parameter, (void *)(uintptr_t)chain, x->arena, &masked);
	if (masked < 0)
		lose(x);
	while (masked > 0 && uri_query_next(&left, &name, &value)) {
		if (!chain_names(chain, SECRET_QUERY, uri_query_decode(name, x->arena)))
			continue;
		struct str decoded = uri_query_decode(value, x->arena);
		remember(x, value);
		if (decoded.p != value.p)
			remember(x, decoded);
	}
}

static void remember_cookies(struct sluice_exchange *x, const struct chain *chain, struct str field)
{
	while (field.n > 0) {
		struct str value = str_cut(&field, ';'), name = str_cut(&value, '=');
		if (chain_names(chain, SECRET_COOKIE, str_trim(name)))
			remember(x, str_trim(value));
	}
}

/* Of credentials with a scheme in front also those alone. */
static void remember_field(struct sluice_exchange *x, struct str value)
{
	size_t space = str_index(value, ' ');
	remember(x, value);
	if (space < value.n)
		remember(x, str_trim(str_from(value, space)));
}

/* By the names, of which there are few, and fewer that a request has. */
static void hide_fields_of(struct sluice_exchange *x, const struct secret_name *s)
{
	const struct fields *f = &x->request->fields;
	for (; s; s = s->next) {
		uint32_t at = 0;
		const struct field *field = NULL;
		while (s->part == SECRET_HEADER && (field = fields_next_id(f, s->id, s->text, &at)))
			remember_field(x, field->value);
	}
}

static void hide_cookies(struct sluice_exchange *x, const struct chain *chain)
{
	const struct fields *f = &x->request->fields;
	uint32_t at = 0;
	for (const struct field *c = fields_get_id(f, FIELD_COOKIE); c;) {
		c = fields_next(f, STR("cookie"), &at);
		if (c)
			remember_cookies(x, chain, c->value);
	}
}

void chain_hide_secrets(struct sluice_exchange *x, const struct chain *chain)
{
	hide_query(x, chain);
	hide_cookies(x, chain);
	for (uint64_t left = chain->secretive; left; left &= left - 1)
		hide_fields_of(x, chain->bindings[__builtin_ctzll(left)].instance->secrets);
}

/* --- texts ----------------------------------------------------------------------------------- */
/* How many bytes of the longest secret stand at the beginning of `text`. */
static size_t secret_at(const struct exchange_secrets *s, struct str text)
{
	size_t longest = 0;
	for (uint32_t i = 0; i < s->count; i++)
		if (s->values[i].n > longest && str_starts(text, s->values[i]))
			longest = s->values[i].n;
	return longest;
}

struct str secrets_masked(const struct sluice_exchange *x, struct str text, struct buffer *out)
{
	const struct exchange_secrets *s = x->secrets;
	size_t shown = 0;
	if (!s)
		return text;
	if (s->is_partial)
		return STR("not shown: the request has more secrets than can be taken out");
	for (size_t i = 0; i + LIMIT_SECRET_BYTES_MIN <= text.n;) {
		size_t n = secret_at(s, str_from(text, i));
		if (n > 0) {
			buffer_add(out, str_slice(text, shown, i - shown));
			buffer_add(out, STR("***"));
			shown = i + n;
		}
		i += n > 0 ? n : 1;
	}
	if (shown == 0)
		return text;
	buffer_add(out, str_from(text, shown));
	return out->failed ? STR("not shown: too long") : buffer_str(out);
}
