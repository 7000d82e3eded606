/* SPDX-License-Identifier: Apache-2.0 */
/* tools/bench/malloc_count.c - counts a process's heap allocations, for LD_PRELOAD.
 *
 * The count is the first eight bytes of the file $MALLOC_COUNT_FILE.<pid>, mapped shared, so that
 * it can be read while the process runs. A forked child counts in a file of its own. */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);

static _Atomic uint64_t before_start;
static _Atomic uint64_t *counter = &before_start;

static void open_counter(void)
{
	char path[4096];
	const char *base = getenv("MALLOC_COUNT_FILE");
	if (!base)
		return;
	snprintf(path, sizeof(path), "%s.%d", base, (int)getpid());
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(uint64_t)) != 0)
		return;
	void *map = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		counter = map;
}

__attribute__((constructor)) static void start(void)
{
	open_counter();
	pthread_atfork(NULL, NULL, open_counter);
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	return __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t count, size_t size)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	return __libc_calloc(count, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
	return __libc_realloc(p, size);
}
