/* SPDX-License-Identifier: Apache-2.0 */
/* Preloaded into the gateway: its clock on the wall is ahead by as many seconds as stand in a file, $SLUICE_CLOCK_SHIFT, that
 * tester and gateway share as memory. The monotonic clock goes on as it is. */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t none;
static const _Atomic int64_t *shift_s = &none;
static int (*real_clock_gettime)(clockid_t, struct timespec *);

__attribute__((constructor)) static void load(void)
{
	const char *path = getenv("SLUICE_CLOCK_SHIFT");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *shared = mmap(NULL, sizeof(*shift_s), PROT_READ, MAP_SHARED, fd, 0);
	if (shared != MAP_FAILED)
		shift_s = shared;
	close(fd);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	if (!real_clock_gettime)
		real_clock_gettime =
			(int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = real_clock_gettime(id, t);
	if (result == 0 && id == CLOCK_REALTIME)
		t->tv_sec += atomic_load(shift_s);
	return result;
}
