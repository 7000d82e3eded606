/* SPDX-License-Identifier: Apache-2.0 */
/* http-caching/kept.h - what is kept of an answer beside its content: the store's meta data of it.
 *
 * Bytes that another process, of another version, may have made: they tell their form, and what cannot be whole is
 * not believed. Times in them count from when the store began to keep the entry, which it tells for each it finds.
 *
 * Ownership    views of texts are of the bytes that were read.
 * Threads      pure functions.
 */
#pragma once

#include "freshness.h"
#include "validators.h"

struct field_pairs {
	struct sluice_str *items; /* name, value, name, value, ... */
	size_t count, max;        /* pairs */
};

struct kept {
	int32_t status;
	struct cache_control cc; /* without its lists: what they name is not among the fields */
	int64_t lifetime_s;
	int64_t age_s, base_ms; /* its age was age_s at base_ms, by the clock that does not jump */
	struct validators validators;
	struct sluice_str variant; /* what chooses it among others; empty: nothing does */
	uint32_t field_count;
	struct sluice_str fields; /* encoded; kept_fields reads them */
};

/* How many bytes, with `fields` in the place of kept->fields. */
size_t kept_bytes(const struct kept *kept, const struct field_pairs *fields);
/* `out` has as many as kept_bytes says. */
void kept_write(
	char *out, const struct kept *kept, const struct field_pairs *fields, int64_t begun_ms);
/* 0: it is none. */
int kept_read(struct sluice_str bytes, int64_t begun_ms, struct kept *kept);
/* Appended; `to` has room for kept->field_count more. */
void kept_fields(const struct kept *kept, struct field_pairs *to);
int64_t kept_age_s(const struct kept *kept, int64_t now_ms);

/* What stands under a target that has several answers: which fields of requests choose. */
struct index_record {
	uint64_t
		generation; /* part of the keys of its answers: without the record nobody finds them */
	struct sluice_str names; /* a list, as in Vary */
};
size_t index_bytes(const struct index_record *index);
void index_write(char *out, const struct index_record *index);
int index_read(struct sluice_str bytes, struct index_record *index);
