/* SPDX-License-Identifier: Apache-2.0 */
#include "process/record_file.h"

#include "base/memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void record_file_init(struct record_file *f, const char *state_dir)
{
	*f = (struct record_file){.in = -1, .out = -1};
	if (!state_dir)
		return;
	f->path = heap_printf("%s/composed", state_dir);
	f->fresh = heap_printf("%s/.composed-%ld", state_dir, (long)getpid());
}

void record_file_deinit(struct record_file *f)
{
	record_file_close(f, false);
	free(f->path);
	free(f->fresh);
	*f = (struct record_file){.in = -1, .out = -1};
}

static int open_above(const char *path, int flags, int lowest)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -1;
	int above = fcntl(fd, F_DUPFD_CLOEXEC, lowest);
	close(fd);
	return above;
}

void record_file_open(struct record_file *f, int lowest)
{
	record_file_close(f, false);
	if (!f->path)
		return;
	unlink(f->fresh);
	f->in = open_above(f->path, O_RDONLY, lowest);
	f->out = open_above(f->fresh, O_WRONLY | O_CREAT | O_EXCL, lowest);
}

void record_file_close(struct record_file *f, bool is_good)
{
	struct stat st;
	if (f->in >= 0)
		close(f->in);
	if (f->out >= 0) {
		bool is_used = is_good && fstat(f->out, &st) == 0 && st.st_size > 0;
		close(f->out);
		if (!is_used || rename(f->fresh, f->path) != 0)
			unlink(f->fresh);
	}
	f->in = f->out = -1;
}
