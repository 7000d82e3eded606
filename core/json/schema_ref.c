/* SPDX-License-Identifier: Apache-2.0 */
/* "$ref": "#/$defs/limit" - a JSON pointer (RFC 6901) as a URI fragment: percent-encoded. */
#include "json/schema_priv.h"

struct pending_ref {
	struct pending_ref *next;
	struct node *from;
	struct str ref;
	struct str place;
};

bool compile_ref(struct compiler *c, struct node *n, const struct json_value *ref, struct str place)
{
	if (ref->type != JSON_STRING || ref->u.string.n == 0 || ref->u.string.p[0] != '#')
		return compile_fail(c, place, "expected a string that begins with \"#\"");
	struct pending_ref *p = json_builder_alloc(c->schema->memory, sizeof(*p));
	*p = (struct pending_ref){c->pending, n, ref->u.string, place};
	c->pending = p;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes %XX (`percent`) or ~0 and ~1 in place, into memory of the builder. */
static bool decode(struct json_builder *memory, struct str in, bool percent, struct str *out)
{
	char *p = json_builder_alloc(memory, in.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		char c = in.p[i];
		if (percent && c == '%') {
			int high = i + 2 < in.n ? hex_value(in.p[i + 1]) : -1;
			int low = i + 2 < in.n ? hex_value(in.p[i + 2]) : -1;
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			i += 2;
		} else if (!percent && c == '~') {
			if (i + 1 == in.n || (in.p[i + 1] != '0' && in.p[i + 1] != '1'))
				return false;
			c = in.p[++i] == '0' ? '~' : '/';
		}
		p[n++] = c;
	}
	*out = str_n(p, n);
	return true;
}

static const struct json_value *step(const struct json_value *v, struct str token)
{
	uint64_t index;
	if (v->type == JSON_ARRAY && str_to_u64(token, UINT32_MAX, &index) == RC_OK)
		return index < v->u.array.count ? &v->u.array.items[index] : NULL;
	return json_get(v, token);
}

const struct json_value *find_target(struct compiler *c, struct str fragment)
{
	const struct json_value *v = c->schema->document;
	struct str pointer, token;
	if (!decode(c->schema->memory, fragment, true, &pointer))
		return NULL;
	if (pointer.n == 0)
		return v;
	if (pointer.p[0] != '/')
		return NULL;
	pointer = str_from(pointer, 1);
	do {
		if (!decode(c->schema->memory, str_cut(&pointer, '/'), false, &token))
			return NULL;
		v = step(v, token);
	} while (v && pointer.p);
	return v;
}

struct str last_token(struct compiler *c, struct str fragment)
{
	struct str pointer, token = STR_EMPTY;
	if (!decode(c->schema->memory, fragment, true, &pointer))
		return STR_EMPTY;
	while (pointer.p)
		token = str_cut(&pointer, '/');
	return decode(c->schema->memory, token, false, &token) ? token : STR_EMPTY;
}

bool compile_pending(struct compiler *c)
{
	while (c->pending) {
		struct pending_ref *p = c->pending;
		c->pending = p->next;
		const struct json_value *target = find_target(c, str_from(p->ref, 1));
		if (!target)
			return compile_fail(c, p->place, "nothing is at \"%.*s\"", STR_ARG(p->ref));
		p->from->ref = compile_node(c, target, p->ref);
		if (!p->from->ref)
			return false;
	}
	return true;
}
