/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/board.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x0131006472616f62 /* "board", and its form */

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

bool board_holds(const struct board *b, uint64_t key)
{
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++)
		if (key != 0 && key_at(b, i) == key)
			return true;
	return false;
}

bool board_quarantine_add(struct board *b, const struct trail_suspect *suspect, int64_t wall_us)
{
	if (board_holds(b, suspect->key))
		return true;
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		struct board_quarantine *q = &b->quarantine[i];
		if (key_at(b, i) != 0)
			continue;
		q->since_wall_us = wall_us;
		snprintf(q->label, sizeof(q->label), "%s", suspect->label);
		snprintf(q->callback, sizeof(q->callback), "%s", suspect->callback);
		atomic_store_explicit(&q->key, suspect->key, memory_order_release);
		atomic_fetch_add(&b->quarantined, 1);
		return true;
	}
	return false;
}

size_t board_quarantine_lift(struct board *b, struct str label)
{
	size_t lifted = 0;
	for (size_t i = 0; i < BOARD_QUARANTINE_MAX; i++) {
		struct board_quarantine *q = &b->quarantine[i];
		if (key_at(b, i) == 0 || !str_eq(str_of(q->label), label))
			continue;
		atomic_store(&q->key, 0);
		atomic_fetch_sub(&b->quarantined, 1);
		lifted++;
	}
	return lifted;
}

void board_crash_add(struct board *b, const struct board_crash *crash)
{
	b->last[atomic_load(&b->crashes) % BOARD_CRASHES_MAX] = *crash;
	atomic_fetch_add(&b->crashes, 1);
}
