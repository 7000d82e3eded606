/* SPDX-License-Identifier: Apache-2.0 */
/* plan/plan_parts.h - plans in which services and APIs stand apart, file by file.
 *
 * Of 10,000 APIs a plan has 20 MB, and after an edit nearly all of it is what it was. So what a file
 * of APIs contributes can stand as a *part*: fragments (plan_fragment.h), each a service or an API,
 * known by the SHA-256 of their bytes. Whoever has built from those bytes before need not look at
 * them. What a fragment leads to (its listener, plugins, services) is not in its bytes but in
 * *targets*, numbers in the lists of this plan, in the order of the fragment.
 *
 *   header     magic, version 2, length, checksum of what follows but the contents, three sizes
 *   tree       the rest as a plan without parts; its lists `services` and `apis` lack what is apart
 *   table      of each part: SHA-256, bytes of its content, counts; of each fragment where it stands
 *              in its list, and where its targets end; the targets
 *   contents   of each part: where each fragment ends, and the fragments
 *
 * plan_decode makes one tree of all of it. plan_open leaves the parts where they are, and checks all
 * of the table: each place of a list is taken once, and nothing points out of a list.
 *
 * Ownership    an opened plan borrows the bytes that it was opened on.
 * Errors       what stands in a content shows when its fragments are decoded. Whether it has its
 *              SHA-256 is for the caller to see.
 */
#pragma once

#include "plan/plan.h"

enum plan_list { PLAN_SERVICES, PLAN_APIS, PLAN_LISTS };

/* What a target is a number of. */
enum plan_lead { PLAN_TO_LISTENER, PLAN_TO_PLUGIN, PLAN_TO_SERVICE, PLAN_LEADS };

/* By the name of the member that it stands in. False: of none. */
bool plan_lead_of(struct str key, enum plan_lead *lead);

/* --- reading --------------------------------------------------------------------------------- */

struct plan_part {
	const uint8_t *sha256; /* of `content`, it is said */
	struct str content;
	uint32_t fragment_count;
	uint32_t target_count;
	const char *fragments; /* as in the table */
	const char *targets;
};

struct plan_part_fragment {
	enum plan_list list;
	uint32_t place; /* in that list of the plan */
	uint32_t first_target, end_target;
};

/* Where an element of a list stands: fragment `item` of a part, or element `item` of the tree's
 * list. */
struct plan_place {
	bool is_in_part;
	uint32_t part;
	uint32_t item;
};

/* As plan_decode, but for the parts. */
MUST_USE enum rc plan_open(struct str bytes, struct plan **out, char *message, size_t message_size);
uint32_t plan_part_count(const struct plan *p);
const struct plan_part *plan_part_at(const struct plan *p, uint32_t i);
struct plan_part_fragment plan_part_fragment(const struct plan_part *part, uint32_t i);
uint32_t plan_part_target(const struct plan_part *part, uint32_t i, enum plan_lead *lead);
/* A plan of its own with the service or API as its root. RC_INVALID: the bytes are none. */
MUST_USE enum rc plan_part_decode(const struct plan_part *part, uint32_t i, struct plan **out);
/* Elements of a list, wherever they stand. */
uint32_t plan_list_count(const struct plan *p, enum plan_list list);
struct plan_place plan_list_place(const struct plan *p, enum plan_list list, uint32_t i);

/* --- writing --------------------------------------------------------------------------------- */

struct plan_parts_writer {
	struct buffer table;
	struct buffer fragments, targets; /* of the part under way */
	struct str *contents;             /* owned; borrowed bytes */
	uint32_t count, capacity;
	uint32_t fragment_count, target_count; /* of the part under way */
	bool has_failed;
};

void plan_parts_init(struct plan_parts_writer *w);
void plan_parts_deinit(struct plan_parts_writer *w);
/* Each fragment with its targets behind it, in their order; then the part. `content` is borrowed
 * until plan_parts_finish. */
void plan_parts_add_fragment(struct plan_parts_writer *w, enum plan_list list, uint32_t place);
/* `number` below 0: there is no such thing, and plan_parts_finish fails. */
void plan_parts_add_target(struct plan_parts_writer *w, enum plan_lead lead, int64_t number);
void plan_parts_add_part(struct plan_parts_writer *w, const uint8_t sha256[32], struct str content);
/* Everything before the contents, which are to follow: w->contents. `tree`: what plan_writer_finish
 * gave. RC_INVALID: a target leads nowhere; RC_FULL. */
MUST_USE enum rc plan_parts_finish_head(
	struct plan_parts_writer *w, struct str tree, struct buffer *out);
/* The same with the contents. */
MUST_USE enum rc plan_parts_finish(
	struct plan_parts_writer *w, struct str tree, struct buffer *out);
