/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_settings.h - where a Redis server is, and how it is to be asked: of the plan, for all
 * workers and for as many generations as have the same.
 *
 * Ownership    counted, with an atomic count; texts and the TLS context are its own. */
#pragma once

#include "base/str.h"

#include <stdatomic.h>

struct tls_context; /* net/tls.h */

/* Of a question, before nobody waits for its answer any more. */
#define REDIS_ANSWER_MS 50
/* Of a connection, until it is there. */
#define REDIS_CONNECT_MS 200

struct redis_place {
	struct str host; /* owned */
	uint16_t port;
};

#define REDIS_PLACE_BYTES (256 + 16)
/* "host:port", with brackets around an address of IPv6. */
const char *redis_place_text(const struct redis_place *at, char out[REDIS_PLACE_BYTES]);

struct redis_settings {
	_Atomic unsigned refs;
	uint8_t sha256[32]; /* of what it was made of: who compares may keep connections */
	struct str host; /* owned, as all texts; STR_EMPTY: Sentinels tell, or nodes of a cluster */
	uint16_t port;
	struct redis_place *nodes; /* owned; of a cluster: those that are asked for the others */
	size_t node_count;         /* 0: it is none */
	struct redis_place *sentinels; /* owned */
	size_t sentinel_count;
	struct str master, sentinel_password; /* its name; STR_EMPTY: none is asked for */
	struct str username, password;        /* STR_EMPTY: none */
	unsigned database;
	struct tls_context *tls; /* a reference; NULL: plain */
	struct str prefix;       /* before all keys: whose they are */
	int answer_ms, connect_ms;
	uint32_t replicas; /* how many gateways have the same prefix; 1 or more */
};

/* Zeroed but for the times; one reference. */
struct redis_settings *redis_settings_new(void);
struct redis_settings *redis_settings_ref(struct redis_settings *s);
/* NULL is nobody's. */
void redis_settings_unref(struct redis_settings *s);
