/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/cache.h - the service "sluice.cache/1": bodies under keys, shared by all workers, sent without a copy.
 *
 *	request_head:   int32_t rc = host->resumed(x) ? cache->take(x, s->cache, &found)
 *	                                              : cache->find(x, s->cache, key, &found);
 *	                if (rc == SLUICE_PENDING)
 *	                        return host->wait(x, 1000);
 *	                if (rc == SLUICE_OK && is_fresh(&found)) {
 *	                        cache->respond(x, found.entry, &answer);
 *	                        return SLUICE_RESPONDED;
 *	                }
 *	response_head:  cache->store_begin(x, s->cache, &item);
 *	response_body:  cache->store_piece(x, s->cache, body);     // with the last piece it is stored
 *
 * What may be stored, for whom and how long is the policy's to know (RFC 9111): the key holds all that
 * tells one answer from another (identity, variants), `meta` what has to be known of it later.
 */
#ifndef SLUICE_CACHE_H
#define SLUICE_CACHE_H

#include "sluice/sluice.h"
#include "sluice/state.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_CACHE_SERVICE "sluice.cache/1"

/* Of one body, in a store that gateways share. */
#define SLUICE_CACHE_SHARED_BYTES_MAX 921600

struct sluice_cache;       /* lives until the instance's `release` has returned */
struct sluice_cache_entry; /* found by an exchange: lasts until it ends, whatever becomes of the store */

struct sluice_cache_options {
	uint32_t size;
	uint32_t reserved;
	/* Instances of one policy that open the same name (1 to 64 bytes) have one store together. Empty:
	 * a store of this binding alone, which outlives its reconfigurations. */
	struct sluice_str name;
	/* 64 KiB to 64 GiB: bodies, keys, meta data, and about 200 bytes for each. Beyond it, or beyond
	 * `entries_max` (1 to 10,000,000), what is of least use is dropped. What is dropped while it is being
	 * sent lasts until then, and is not counted. Of several who have it open, who opened it last chooses. */
	uint64_t bytes_max;
	uint64_t entry_bytes_max; /* of one body; 1 to bytes_max */
	uint32_t entries_max;
	uint32_t reserved2;
	/* Not 0: entries come back after a restart of the process, from files in the gateway's state folder (where there
	 * is none, as in tests: not). Meta data must mean the same in every process, then. */
	uint32_t persists;
	/* Not 0: where the gateway has a shared storage, all gateways that share it have the entries together: `find`
	 * answers later (SLUICE_PENDING), what one drops is gone for all within a second, and no body may be larger than
	 * SLUICE_CACHE_SHARED_BYTES_MAX. Meta data must mean the same in all of them. While it cannot be asked, and where
	 * there is none, entries are this process's own. */
	uint32_t shared;
};

struct sluice_cached {
	uint32_t size; /* set by the caller */
	uint32_t reserved;
	struct sluice_cache_entry *entry;
	struct sluice_str meta;
	uint64_t length;      /* of the body */
	int64_t age_ms;       /* since store_begin, or put; a touch does not count; 0 or more */
	int64_t remaining_ms; /* until it is dropped; 0 or more */
};

struct sluice_cache_item {
	uint32_t size;
	uint32_t reserved;
	struct sluice_str key;   /* 1 to 8,192 bytes */
	struct sluice_str group; /* for remove_group; at most 256 bytes; may be empty */
	struct sluice_str meta;  /* at most 64 KiB */
	int64_t for_ms;          /* 1 to 31,536,000,000 (a year): then it is gone */
};

/* Of what was found. */
struct sluice_cache_answer {
	uint32_t size;
	int32_t status;
	const struct sluice_str *fields; /* name, value, name, value, ...: as of host->respond */
	size_t field_count;
	struct sluice_str reason;
	/* The part of the body from `offset` on, at most `length` bytes; 0: all that follows. */
	uint64_t offset, length;
};

struct sluice_cache_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only. NULL: refused; the log says why. */
	struct sluice_cache *(*open)(
		struct sluice_instance *instance, const struct sluice_cache_options *options);

	/* - what is there: exchange callbacks up to response_end - */
	/* SLUICE_OK: `cached` is filled; SLUICE_E_NOT_FOUND: nothing stands there, or it has ended. SLUICE_PENDING:
	 * an operation of the exchange, for host->wait and `take` (a store that other replicas share; one
	 * in this process answers at once). SLUICE_E_UNAVAILABLE: the store cannot be asked. */
	int32_t (*find)(struct sluice_exchange *exchange, struct sluice_cache *cache,
		struct sluice_str key, struct sluice_cached *cached);
	/* After host->wait: what came of the oldest `find` of this direction that was pending; as `find`. */
	int32_t (*take)(struct sluice_exchange *exchange, struct sluice_cache *cache,
		struct sluice_cached *cached);
	/* Answers with what was found by this binding, until the response has been sent: then return
	 * SLUICE_RESPONDED. The body is sent from where it lies. SLUICE_E_INVALID: no such entry, status
	 * or field, or `offset` is beyond the end. */
	int32_t (*respond)(struct sluice_exchange *exchange, struct sluice_cache_entry *entry,
		const struct sluice_cache_answer *answer);
	/* A view of its body from `offset` on, as far as it lies in one piece; empty at the end. It lasts as
	 * long as the exchange. */
	int32_t (*read)(struct sluice_exchange *exchange, struct sluice_cache_entry *entry,
		uint64_t offset, struct sluice_str *bytes);
	/* New meta data, and a new end from now on (after a 304); the body stays. SLUICE_E_CONFLICT: something
	 * else stands there meanwhile. */
	int32_t (*touch)(struct sluice_exchange *exchange, struct sluice_cache_entry *entry,
		struct sluice_str meta, int64_t for_ms);

	/* - storing - */
	/* response_head, response_body: the response of this exchange, piece by piece as the binding's own
	 * response_body sees it (mode `observe`, or any other). It is stored with the piece that has `end`
	 * set, so never in part: a response that breaks off is forgotten. `item` is copied. One at a time for
	 * a binding and exchange: SLUICE_E_CONFLICT. */
	int32_t (*store_begin)(struct sluice_exchange *exchange, struct sluice_cache *cache,
		const struct sluice_cache_item *item);
	/* response_body: SLUICE_E_NOT_FOUND: nothing was begun, or it was given up. SLUICE_E_FULL: the body is
	 * larger than the store takes, or all that exchanges have begun to store is larger than `bytes_max`;
	 * it is given up. SLUICE_E_CONFLICT: the operator has emptied the store meanwhile; likewise. */
	int32_t (*store_piece)(struct sluice_exchange *exchange, struct sluice_cache *cache,
		const struct sluice_body *piece);
	/* Up to response_end: gives it up. SLUICE_E_NOT_FOUND: nothing was begun. */
	int32_t (*store_abandon)(struct sluice_exchange *exchange, struct sluice_cache *cache);

	/* The rest: exchange callbacks up to response_end, worker_start, and what services call on a worker. */
	/* Stores a body that is at hand. SLUICE_E_FULL: too large. */
	int32_t (*put)(const struct sluice_call *call, struct sluice_cache *cache,
		const struct sluice_cache_item *item, struct sluice_str body);
	/* SLUICE_OK, SLUICE_E_NOT_FOUND. */
	int32_t (*remove)(
		const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str key);
	/* All of a group (not empty), or all whose keys begin so (empty: all there is); how many. They look at
	 * everything that is there: some milliseconds for 100,000 entries. */
	int64_t (*remove_group)(
		const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str group);
	int64_t (*remove_prefix)(
		const struct sluice_call *call, struct sluice_cache *cache, struct sluice_str prefix);
};

#ifdef __cplusplus
}
#endif
#endif
