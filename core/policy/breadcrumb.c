/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/breadcrumb.h"

#include "base/memory.h"
#include "handover/trail.h"
#include "policy/policy_priv.h"

#include <stdio.h>

_Thread_local struct policy_thread policy_thread;

const char *callback_name(enum callback c)
{
	static const char *const names[] = {
#define X(name, text) [CALLBACK_##name] = text,
		CALLBACKS(X)
#undef X
	};
	return (unsigned)c < CALLBACK_COUNT ? names[c] : "none";
}

void breadcrumb_set_word(breadcrumb_word *word)
{
	policy_thread.word = word;
}

/* --- numbers --------------------------------------------------------------------------------- */
static struct {
	struct trail_label *rows; /* borrowed; [0] is nobody */
	uint32_t count, used;     /* those below `used` were taken once */
	uint32_t *returned;       /* owned: a stack */
	uint32_t returned_count, returned_capacity;
} labels;

void breadcrumb_set_labels(struct trail_label *rows, uint32_t count)
{
	free(labels.returned);
	memset(&labels, 0, sizeof(labels));
	labels.rows = rows;
	labels.count = count;
	labels.used = 1;
}

uint32_t breadcrumb_take(uint64_t key, uint32_t plugin, struct str text)
{
	uint32_t number = 0;
	if (!labels.rows)
		return 0;
	if (labels.returned_count > 0)
		number = labels.returned[--labels.returned_count];
	else if (labels.used < labels.count)
		number = labels.used++;
	else
		return 0;
	struct trail_label *row = &labels.rows[number];
	row->key = key;
	row->plugin = plugin;
	snprintf(row->text, sizeof(row->text), "%.*s", STR_ARG(text));
	return number;
}

void breadcrumb_give_back(uint32_t number)
{
	if (number == 0 || number >= labels.used)
		return;
	if (labels.returned_count == labels.returned_capacity) {
		labels.returned_capacity =
			labels.returned_capacity ? labels.returned_capacity * 2 : 64;
		labels.returned =
			heap_realloc(labels.returned, labels.returned_capacity * sizeof(uint32_t));
	}
	labels.rows[number].key = 0;
	labels.returned[labels.returned_count++] = number;
}

enum callback breadcrumb_callback(uint64_t value)
{
	unsigned callback = value & 0xff;
	return callback > 0 && callback <= CALLBACK_COUNT ? (enum callback)(callback - 1)
							  : CALLBACK_COUNT;
}

struct breadcrumb breadcrumb_read(const breadcrumb_word *word)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed);
	return (struct breadcrumb){
		.binding = (uint32_t)(value >> 8) & 0xffffff,
		.is_inside = (value & 0xff) != 0,
		.callback = breadcrumb_callback(value),
		.sequence = (uint32_t)(value >> 32),
	};
}
