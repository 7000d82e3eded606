/* SPDX-License-Identifier: Apache-2.0 */
#include "handover/trail.h"

#include "base/check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x0133006c69617274 /* "trail", and its form */

bool trail_avoids(const struct trail_orders *orders, uint64_t plan)
{
	for (size_t i = 0; i < TRAIL_AVOIDED; i++)
		if (plan != 0 && orders->avoid_plans[i] == plan)
			return true;
	return false;
}

bool trail_avoids_any(const struct trail_orders *orders)
{
	return orders->avoid_plans[0] != 0;
}

struct trail *trail_map(int fd)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || st.st_size != sizeof(struct trail))
		return NULL;
	struct trail *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (t == MAP_FAILED)
		return NULL;
	if (t->magic == MAGIC)
		return t;
	trail_unmap(t);
	return NULL;
}

/* Sealed against shrinking, which would make reading it a fault. */
struct trail *trail_create(int *fd)
{
	*fd = memfd_create("sluice-trail", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0)
		return NULL;
	uint64_t magic = MAGIC;
	struct trail *t = NULL;
	if (ftruncate(*fd, sizeof(*t)) == 0 &&
		fcntl(*fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0 &&
		pwrite(*fd, &magic, sizeof(magic), 0) == sizeof(magic))
		t = trail_map(*fd);
	if (!t)
		close(*fd);
	return t;
}

struct trail *trail_private(void)
{
	struct trail *t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(t != MAP_FAILED);
	t->magic = MAGIC;
	return t;
}

void trail_unmap(struct trail *t)
{
	if (t)
		munmap(t, sizeof(*t));
}

/* Printable, and ended. */
static void copy_text(char *to, const char *from, size_t size)
{
	size_t n = 0;
	while (n + 1 < size && from[n] >= ' ' && from[n] < 0x7f) {
		to[n] = from[n];
		n++;
	}
	to[n] = '\0';
}

/* The layout of the word is policy/breadcrumb.h's. */
static void read_word(const struct trail *t, uint64_t word, struct trail_suspect *out)
{
	unsigned callback = word & 0xff, label = word >> 8 & 0xffffff;
	if (callback == 0)
		return;
	if (callback <= TRAIL_CALLBACKS)
		copy_text(out->callback, t->callbacks[callback - 1], sizeof(out->callback));
	if (label == 0 || label >= TRAIL_LABELS)
		return;
	out->key = t->labels[label].key;
	copy_text(out->label, t->labels[label].text, sizeof(out->label));
	uint32_t plugin = t->labels[label].plugin;
	if (plugin == 0 || plugin >= TRAIL_LABELS)
		return;
	out->plugin_key = t->labels[plugin].key;
	copy_text(out->plugin, t->labels[plugin].text, sizeof(out->plugin));
}

void trail_read_suspect(const struct trail *t, struct trail_suspect *out)
{
	*out = (struct trail_suspect){0};
	uint32_t end = atomic_load(&t->fatal_end), row = atomic_load(&t->fatal_thread);
	out->end = end <= TRAIL_END_OUTSIDE ? (enum trail_end)end : TRAIL_END_UNKNOWN;
	bool is_its_own = out->end == TRAIL_END_FAULT || out->end == TRAIL_END_HANG;
	if (is_its_own && row > 0 && row <= TRAIL_THREADS)
		read_word(t, atomic_load(&t->threads[row - 1].word), out);
}

uint64_t trail_exchanges(const struct trail *t)
{
	uint64_t n = 0;
	for (size_t i = 0; i < TRAIL_THREADS; i++)
		n += atomic_load_explicit(&t->threads[i].exchanges, memory_order_relaxed);
	return n;
}
