/* SPDX-License-Identifier: Apache-2.0 */
/* The names under `ciphers`: a list, or one text "A:B" in plans of older gateways. */
#include "build/build_priv.h"

#include "net/tls_ciphers.h"

/* One name, and where it stands. */
struct named {
	struct str name;
	const struct plan_node *at;
};

struct names {
	const struct plan_node *all, *at; /* at: what `rest` is of */
	struct str rest;
	size_t next;
};

static struct names names_of(const struct plan_node *tls)
{
	return (struct names){.all = plan_get(tls, "ciphers")};
}

static const struct plan_node *next_text(struct names *n)
{
	size_t i = n->next++;
	if (n->all && n->all->type == PLAN_STRING)
		return i == 0 ? n->all : NULL;
	return i < plan_count(n->all) ? plan_at(n->all, i) : NULL;
}

static bool next_name(struct names *n, struct named *out)
{
	while (n->rest.n == 0) {
		n->at = next_text(n);
		if (!n->at)
			return false;
		n->rest = n->at->type == PLAN_STRING ? n->at->u.string : STR_EMPTY;
	}
	*out = (struct named){str_trim(str_cut(&n->rest, ':')), n->at};
	return true;
}

bool build_ciphers(const struct plan_node *tls, bool is_server, struct buffer *text,
	struct build_tls_mistake *m)
{
	struct names names = names_of(tls);
	struct named it;
	while (next_name(&names, &it)) {
		m->at = it.at;
		if (tls_cipher_judge(it.name, is_server, m->message, sizeof(m->message)) ==
			TLS_CIPHER_UNKNOWN)
			return false;
		if (text->n > 0)
			buffer_add_char(text, ':');
		buffer_add(text, it.name);
	}
	m->at = names.all;
	return tls_ciphers_check(buffer_str(text), is_server, m->message, sizeof(m->message));
}

void build_ciphers_warn(struct build *b, const struct plan_node *tls, bool is_server)
{
	char why[224];
	struct names names = names_of(tls);
	struct named it;
	while (next_name(&names, &it))
		if (tls_cipher_judge(it.name, is_server, why, sizeof(why)) == TLS_CIPHER_LEFT_OUT)
			diagnostics_add(b->diagnostics, SEVERITY_WARNING, it.at->position,
				"ciphers", "%s", why);
}
