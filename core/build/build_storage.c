/* SPDX-License-Identifier: Apache-2.0 */
/* settings.storage of the plan. Composition has checked it; what cannot be used is fatal, since
 * without it each gateway would count for itself. */
#include "build/build_priv.h"

#include "state/redis_settings.h"

#define REPLICAS_MAX 10000

static struct str text_of(const struct plan_node *n, const char *key)
{
	struct str text = plan_string(n, key, STR_EMPTY);
	return text.n ? str_n(heap_strndup(text), text.n) : STR_EMPTY;
}

static bool put_tls(
	struct redis_settings *s, const struct plan_node *tls, struct build_tls_mistake *m)
{
	s->tls = tls ? build_tls_client(tls, HTTP_CLIENT_1, m) : NULL;
	return !tls || s->tls;
}

static struct redis_place *places_of(const struct plan_node *list, struct build_numbers *n)
{
	const struct plan_node *whole = n->object;
	size_t count = plan_count(list);
	struct redis_place *places = heap_zalloc((count + 1) * sizeof(*places));
	for (size_t i = 0; i < count; i++) {
		n->object = plan_at(list, i);
		places[i].host = text_of(n->object, "host");
		places[i].port = (uint16_t)build_number(n, "port", 0, UINT16_MAX);
	}
	n->object = whole;
	return places;
}

static void put_places(struct redis_settings *s, struct build_numbers *n)
{
	const struct plan_node *sentinel = plan_get(n->object, "sentinel");
	const struct plan_node *nodes = plan_get(plan_get(n->object, "cluster"), "addresses");
	s->master = text_of(sentinel, "master");
	s->sentinel_password = text_of(sentinel, "password");
	s->sentinel_count = plan_count(plan_get(sentinel, "addresses"));
	s->sentinels = places_of(plan_get(sentinel, "addresses"), n);
	s->node_count = plan_count(nodes);
	s->nodes = places_of(nodes, n);
}

static struct redis_settings *settings_of(struct build_numbers *n, struct build_tls_mistake *m)
{
	struct redis_settings *s = redis_settings_new();
	s->host = text_of(n->object, "host");
	s->port = (uint16_t)build_number(n, "port", 6379, UINT16_MAX);
	put_places(s, n);
	s->username = text_of(n->object, "username");
	s->password = text_of(n->object, "password");
	s->prefix = text_of(n->object, "prefix");
	s->database = (unsigned)build_number(n, "database", 0, INT32_MAX);
	s->replicas = (uint32_t)build_number(n, "replicas", 1, REPLICAS_MAX);
	s->answer_ms = build_ms(n, "timeoutMs", REDIS_ANSWER_MS);
	s->connect_ms = build_ms(n, "connectTimeoutMs", REDIS_CONNECT_MS);
	if (!n->at && put_tls(s, plan_get(n->object, "tls"), m))
		return s;
	redis_settings_unref(s);
	return NULL;
}

void build_storage(struct build *b)
{
	const struct plan_node *node = plan_get(plan_get(b->root, "settings"), "storage");
	struct redis_settings *former = b->options->former ? b->options->former->storage : NULL;
	struct build_numbers n = {.object = node};
	struct build_tls_mistake mistake = {0};
	uint8_t digest[SHA256_BYTES];
	if (!node)
		return;
	build_sha256(b, node, digest);
	if (former && memcmp(former->sha256, digest, sizeof(digest)) == 0) {
		b->generation->storage = redis_settings_ref(former);
		return;
	}
	struct redis_settings *s = settings_of(&n, &mistake);
	if (!s) {
		build_fatal(b,
			n.at         ? n.at
			: mistake.at ? mistake.at
				     : node,
			"sharedStorage", "%s", n.at ? n.message : mistake.message);
		return;
	}
	memcpy(s->sha256, digest, sizeof(digest));
	build_tls_warnings(b, plan_get(node, "tls"), false);
	b->generation->storage = s;
}
