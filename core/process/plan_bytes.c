/* SPDX-License-Identifier: Apache-2.0 */
#include "process/plan_bytes.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

int plan_bytes_open_file(void)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	/* Some systems take no other; those before 6.3 do not know it. */
	int fd = memfd_create("sluice-plan", flags | MFD_NOEXEC_SEAL);
	return fd >= 0 || errno != EINVAL ? fd : memfd_create("sluice-plan", flags);
}

static bool fail(int error)
{
	errno = error;
	return false;
}

bool plan_bytes_map(struct plan_bytes *b, int fd)
{
	struct stat st;
	/* First: what is looked at afterwards stays. */
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0 ||
		fstat(fd, &st) != 0)
		return false;
	if (st.st_size <= 0 || st.st_size > LIMIT_PLAN_BYTES)
		return fail(st.st_size > 0 ? EFBIG : ENODATA);
	void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return false;
	*b = (struct plan_bytes){.p = p, .n = (size_t)st.st_size, .is_mapped = true};
	return true;
}

/* A buffer has room to grow; what is kept has none. */
void plan_bytes_take(struct plan_bytes *b, struct buffer *from)
{
	*b = (struct plan_bytes){.n = from->n, .p = heap_realloc(from->p, from->n)};
	buffer_init(from, from->bytes_max);
}

void plan_bytes_rest(const struct plan_bytes *b)
{
	if (b->is_mapped)
		madvise((void *)b->p, b->n, MADV_DONTNEED);
}

static struct str piece_at(const struct plan_bytes *b, size_t at)
{
	struct str rest = str_from(plan_bytes_str(b), at < b->n ? at : b->n);
	return str_slice(rest, 0, rest.n < PLAN_PIECE_BYTES ? rest.n : PLAN_PIECE_BYTES);
}

struct str plan_bytes_piece(const struct plan_bytes *b, size_t at)
{
	struct str before = at > 0 ? piece_at(b, at - PLAN_PIECE_BYTES) : STR_EMPTY;
	if (b->is_mapped && before.n > 0)
		madvise((void *)before.p, before.n, MADV_DONTNEED);
	return piece_at(b, at);
}

bool plan_bytes_write(const struct plan_bytes *b, int fd)
{
	struct str piece;
	for (size_t at = 0; (piece = plan_bytes_piece(b, at)).n > 0; at += PLAN_PIECE_BYTES)
		if (!file_write_all(fd, piece))
			return false;
	return true;
}

void plan_bytes_free(struct plan_bytes *b)
{
	if (b->is_mapped)
		munmap((void *)b->p, b->n);
	else
		free((void *)b->p);
	*b = (struct plan_bytes){0};
}

struct str plan_bytes_str(const struct plan_bytes *b)
{
	return str_n(b->p, b->n);
}
