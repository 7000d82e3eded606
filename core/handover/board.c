/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/board.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x0331006472616f62 /* "board", and its form */

struct board *board_map(int fd, bool to_write)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size != sizeof(struct board))
		return NULL;
	int how = to_write ? PROT_READ | PROT_WRITE : PROT_READ;
	struct board *b = mmap(NULL, sizeof(*b), how, MAP_SHARED, fd, 0);
	if (b == MAP_FAILED)
		return NULL;
	if (b->magic == MAGIC)
		return b;
	board_unmap(b);
	return NULL;
}

struct board *board_create(int *fd)
{
	*fd = memfd_create("sluice-board", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	uint64_t magic = MAGIC;
	struct board *b = NULL;
	if (ftruncate(*fd, sizeof(*b)) == 0 &&
		fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
		pwrite(*fd, &magic, sizeof(magic), 0) == sizeof(magic))
		b = board_map(*fd, true);
	if (!b)
		close(*fd);
	return b;
}

void board_unmap(const struct board *b)
{
	if (b)
		munmap((void *)(uintptr_t)b, sizeof(*b));
}

static uint64_t key_at(const struct board *b, size_t i)
{
	return atomic_load_explicit(&b->quarantine[i].key, memory_order_acquire);
}

bool board_holds_either(const struct board *b, uint64_t key, uint64_t other)
{
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		uint64_t held = key_at(b, i);
		if (held != 0 && (held == key || held == other))
			return true;
	}
	return false;
}

bool board_holds(const struct board *b, uint64_t key)
{
	return board_holds_either(b, key, 0);
}

/* --- the supervisor -------------------------------------------------------------------------- */
static size_t count_of_plugin(const struct board *b, uint64_t plugin_key)
{
	size_t n = 0;
	for (size_t i = 0; plugin_key != 0 && i < BOARD_QUARANTINE_MAX; i++)
		n += key_at(b, i) != 0 && b->quarantine[i].plugin_key == plugin_key;
	return n;
}

static void set_free(struct board *b, size_t i)
{
	atomic_store(&b->quarantine[i].key, 0);
	atomic_fetch_sub(&b->quarantined, 1);
}

static bool put(struct board *b, const struct trail_suspect *suspect, int64_t wall_us)
{
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		struct board_quarantine *q = &b->quarantine[i];
		if (key_at(b, i) != 0)
			continue;
		q->since_wall_us = wall_us;
		q->plugin_key = suspect->plugin_key;
		snprintf(q->label, sizeof(q->label), "%s", suspect->label);
		snprintf(q->callback, sizeof(q->callback), "%s", suspect->callback);
		snprintf(q->plugin, sizeof(q->plugin), "%s", suspect->plugin);
		atomic_store_explicit(&q->key, suspect->key, memory_order_release);
		atomic_fetch_add(&b->quarantined, 1);
		return true;
	}
	return false;
}

/* The plugin's entry takes the place of one of its bindings before the others are set free: there
 * is no moment in which one of them may run. */
static const char *put_plugin(struct board *b, const struct trail_suspect *suspect, int64_t wall_us)
{
	struct board_quarantine *place = NULL;
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		struct board_quarantine *q = &b->quarantine[i];
		if (key_at(b, i) == 0 || q->plugin_key != suspect->plugin_key)
			continue;
		if (place) {
			set_free(b, i);
			continue;
		}
		place = q;
		q->since_wall_us = wall_us;
		q->plugin_key = 0;
		memcpy(q->label, suspect->plugin, sizeof(q->label));
		memcpy(q->callback, suspect->callback, sizeof(q->callback));
		atomic_store_explicit(&q->key, suspect->plugin_key, memory_order_release);
	}
	return place ? place->label : NULL;
}

enum board_held board_quarantine_add(
	struct board *b, const struct trail_suspect *suspect, int64_t wall_us)
{
	if (board_holds(b, suspect->key))
		return BOARD_HOLDS_BINDING;
	if (board_holds(b, suspect->plugin_key))
		return BOARD_HOLDS_PLUGIN;
	size_t of_plugin = count_of_plugin(b, suspect->plugin_key);
	if (of_plugin < BOARD_OF_PLUGIN_MAX && put(b, suspect, wall_us))
		return BOARD_HOLDS_BINDING;
	if (of_plugin == 0)
		return BOARD_IS_FULL;
	put_plugin(b, suspect, wall_us);
	return BOARD_HOLDS_PLUGIN;
}

bool board_quarantine_plugin(struct board *b, const struct trail_suspect *suspect, int64_t wall_us)
{
	struct trail_suspect plugin = {.key = suspect->plugin_key};
	if (board_holds(b, suspect->plugin_key) || put_plugin(b, suspect, wall_us))
		return true;
	memcpy(plugin.label, suspect->plugin, sizeof(plugin.label));
	memcpy(plugin.callback, suspect->callback, sizeof(plugin.callback));
	return put(b, &plugin, wall_us);
}

const char *board_quarantine_merge(struct board *b, int64_t wall_us)
{
	const struct board_quarantine *worst = NULL;
	size_t most = 1;
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		const struct board_quarantine *q = &b->quarantine[i];
		size_t n = key_at(b, i) != 0 ? count_of_plugin(b, q->plugin_key) : 0;
		if (n > most) {
			most = n;
			worst = q;
		}
	}
	if (!worst)
		return NULL;
	struct trail_suspect suspect = {.plugin_key = worst->plugin_key};
	memcpy(suspect.plugin, worst->plugin, sizeof(suspect.plugin));
	memcpy(suspect.callback, worst->callback, sizeof(suspect.callback));
	return put_plugin(b, &suspect, wall_us);
}

size_t board_quarantine_lift(struct board *b, struct str label)
{
	size_t lifted = 0;
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		struct board_quarantine *q = &b->quarantine[i];
		if (key_at(b, i) == 0 || !str_eq(str_of(q->label), label))
			continue;
		set_free(b, i);
		lifted++;
	}
	return lifted;
}

void board_crash_add(struct board *b, const struct board_crash *crash)
{
	b->last[atomic_load(&b->crashes) % BOARD_CRASHES_MAX] = *crash;
	atomic_fetch_add(&b->crashes, 1);
}
