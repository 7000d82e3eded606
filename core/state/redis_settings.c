/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_settings.h"

#include "base/memory.h"
#include "crypto/crypto.h"
#include "net/tls.h"

#include <stdio.h>
#include <stdlib.h>

const char *redis_place_text(const struct redis_place *at, char out[REDIS_PLACE_BYTES])
{
	bool is_ipv6 = str_index(at->host, ':') < at->host.n;
	snprintf(out, REDIS_PLACE_BYTES, is_ipv6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(at->host),
		at->port);
	return out;
}

struct redis_settings *redis_settings_new(void)
{
	struct redis_settings *s = heap_zalloc(sizeof(*s));
	atomic_init(&s->refs, 1);
	s->answer_ms = REDIS_ANSWER_MS;
	s->connect_ms = REDIS_CONNECT_MS;
	s->replicas = 1;
	return s;
}

struct redis_settings *redis_settings_ref(struct redis_settings *s)
{
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

static void text_free(struct str text)
{
	free((char *)(uintptr_t)text.p);
}

static void secret_free(struct str text)
{
	if (text.n)
		cleanse((char *)(uintptr_t)text.p, text.n);
	text_free(text);
}

static void places_free(struct redis_place *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		text_free(places[i].host);
	free(places);
}

void redis_settings_unref(struct redis_settings *s)
{
	if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return;
	text_free(s->host);
	text_free(s->username);
	secret_free(s->password);
	text_free(s->prefix);
	text_free(s->master);
	secret_free(s->sentinel_password);
	places_free(s->sentinels, s->sentinel_count);
	places_free(s->nodes, s->node_count);
	if (s->tls)
		tls_context_unref(s->tls);
	free(s);
}
