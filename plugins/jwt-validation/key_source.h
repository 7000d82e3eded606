/* SPDX-License-Identifier: Apache-2.0 */
/* key_source.h - the key set behind one URL, as all bindings of the process that name it have it.
 *
 * Says when it is to be asked for, and keeps what came; asks nobody itself.
 *
 * Invariants   K1  at most one fetch is under way: between a claim that gave 1 and its settle.
 *              K2  a good set goes for a good one alone.
 *              K3  a set that was restored goes for each one that comes.
 * Ownership    who holds it by sluice.shared/1. A set lives as long as anybody has it.
 * Threads      any; its lock is held for a few instructions, and over no reading and no freeing.
 */
#pragma once

#include "util/jose_keys.h"

#include "sluice/shared.h"

/* Requests that wait for one fetch. */
#define KEY_WAITERS_MAX 1024
/* For how long a set is used beyond its time when its server does not answer. */
#define KEY_STALE_MS 86400000
/* A token may name any key: those that nobody knows make one fetch in this time. */
#define KEY_UNKNOWN_MS 30000

struct key_source;

/* Immutable. */
struct key_set {
	_Atomic unsigned users;
	uint64_t generation; /* of no other set of the process */
	struct jose_keys keys;
};

/* `configure` only. */
int32_t key_source_hold(
	const struct sluice_call *call, struct sluice_str name, struct key_source **source);

/* Milliseconds of a clock that never goes back: the `now_ms` of the other functions. */
int64_t key_clock_ms(void);

/* The generation of the set at hand; 0: there is none, or it is too old to be used. */
uint64_t key_source_generation(struct key_source *s, int64_t now_ms, int64_t ttl_ms);
int key_source_has_set(struct key_source *s);
/* Takes keys of a former process, which came then: they count as a set that is due. Where a set is there they are
 * freed. */
void key_source_restore(struct key_source *s, int64_t fetched_ms, struct jose_keys *keys);
/* To be let go; NULL: none. */
struct key_set *key_source_get(struct key_source *s);
void key_set_let_go(struct key_set *set); /* NULL: nothing */

/* 1: the caller is to fetch it now, and to settle it in any case. For a set that is not there or not young enough; with
 * `is_unknown`, for a key that is not in it. */
int key_source_claim(struct key_source *s, int64_t now_ms, int64_t ttl_ms, int is_unknown);
enum key_fetch {
	KEYS_CAME,
	KEYS_BROKEN_OFF, /* the connection, or the instance that asked: once, the next may ask at once */
	KEYS_FAILED
};

/* Takes the keys that came. Resumes who waits. */
void key_source_settle(
	struct key_source *s, int64_t now_ms, enum key_fetch how, struct jose_keys *keys);
/* 1: the token will be resumed. 0: nothing is under way; SLUICE_E_FULL: too many wait. */
int32_t key_source_await(struct key_source *s, sluice_token token);
int key_source_is_fetching(struct key_source *s);
