/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/flights.h - of several requests that would fetch the same, one does, and the others wait for it.
 *
 *	flights_join -> FLIGHT_LEADS -> flights_land, when its answer is stored, or will not be
 *	             -> FLIGHT_WAITS -> flights_arm with a token -> resumed when the leader has landed -> flights_leave
 *	             -> FLIGHT_ALONE: this target's answers were not to be shared lately
 *
 * Invariants   F1  a target has one leader at most.
 *              F2  who waits is resumed once its leader lands, whatever came of it; whoever waits longer than it
 *                  wants leaves by itself.
 * Ownership    flights are the callers'; each is left or landed before its memory goes. The table is counted.
 * Threads      any; one lock, held for a look into a short list.
 */
#pragma once

#include "sluice/sluice.h"

enum flight_role { FLIGHT_NONE, FLIGHT_LEADS, FLIGHT_WAITS, FLIGHT_ALONE };

struct flight {
	struct flight *next;    /* leaders: in a slot of the table; who waits: behind its leader */
	struct flight *waiting; /* leaders: list */
	struct flight *leader;  /* who waits; NULL: it has landed */
	struct sluice_str key;  /* the caller's, as long as it is in the table */
	uint64_t hash;
	sluice_token token;
	enum flight_role role;
};

struct flights;
struct flights *flights_new(void); /* NULL: no memory */
struct flights *flights_ref(struct flights *f);
void flights_unref(struct flights *f); /* NULL is harmless */

/* `key` lasts until it lands or leaves. */
enum flight_role flights_join(
	struct flights *f, struct flight *flight, struct sluice_str key, int64_t now_ms);
/* 0: the leader has landed meanwhile; nothing will resume the token. */
int flights_arm(struct flights *f, struct flight *flight, sluice_token token);
/* Of a flight that waits, or leads; harmless of others. `is_shared` 0: for a while nobody waits for answers
 * of that target. */
void flights_land(struct flights *f, struct flight *flight, int is_shared, int64_t now_ms,
	int32_t (*resume)(sluice_token token));
void flights_leave(struct flights *f, struct flight *flight);
/* The same, of one that has waited long enough: where the leader is still away, nobody waits for a while. */
void flights_give_up(struct flights *f, struct flight *flight, int64_t now_ms);

/* A number that no other has had of this table. */
uint64_t flights_number(struct flights *f);

/* What was asked for before something changed must not be stored behind that. A mark is taken when the origin is asked;
 * `flights_drop` comes before the removal, `flights_is_dropped` behind the storing: what was stored is removed then. A
 * NULL pointer: all keys. Of too many that are dropped meanwhile some others count as well. */
uint64_t flights_mark(struct flights *f);
void flights_drop(struct flights *f, struct sluice_str key);
int flights_is_dropped(struct flights *f, struct sluice_str key, uint64_t mark);

uint64_t text_hash(struct sluice_str text);
