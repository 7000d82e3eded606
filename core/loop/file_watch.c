/* SPDX-License-Identifier: Apache-2.0 */
/* A walk over the tree does both jobs: it puts an inotify watch on every directory before reading
 * it, and sums up what it sees, so that two walks can be compared. The sum does not depend on the
 * order in which a directory is read.
 *
 * The walk that a report needs is made in the second half of the quiet time, which is spent waiting
 * anyway: of 10,000 files it takes 20 ms.
 *
 * inotify's word is taken as it is: two writes within one tick of the file system's clock leave
 * the same sum. After each report the whole inotify instance is made anew: that drops the watches
 * of directories that were moved out of the tree, without keeping track of any. */
#include "loop/file_watch.h"

#include "base/check.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree that goes on and on (a link to a folder above is noticed) is watched no further. */
#define DEPTH_MAX   16
#define ENTRIES_MAX 100000
/* A steady stream of changes is reported after so many quiet times. */
#define CEILING 10

#define EVENTS                                                                                     \
	(IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO |        \
		IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

struct file_watch {
	struct loop *loop; /* borrowed */
	char *folder;      /* owned */
	int quiet_ms;
	file_watch_fn *fn;
	void *arg;
	int fd; /* of inotify; -1: blind */
	struct watch events;
	struct timer poll, quiet, ceiling;
	uint64_t seen;  /* the sum of the last walk */
	bool by_poll;   /* the change that is waited out was found by a poll */
	bool is_looked; /* that walk came after the last change that is known of */
};

/* --- the walk -----------------------------------------------------------------------------------
 */

struct walk {
	int inotify_fd; /* -1: only look */
	uint64_t sum;
	size_t entries;
	size_t path_n;
	char path[PATH_MAX];
};

/* The directories that lead here: one that is among them is not entered again. */
struct step {
	const struct step *above;
	dev_t dev;
	ino_t ino;
};

static bool is_above(const struct step *step, const struct stat *st)
{
	for (; step; step = step->above)
		if (step->dev == st->st_dev && step->ino == st->st_ino)
			return true;
	return false;
}

static uint64_t mixed(uint64_t h, uint64_t value)
{
	h = (h ^ value) * 0x9e3779b97f4a7c15;
	return h ^ (h >> 32);
}

/* ctime shows a change of mode, and of a file whose mtime was set back. */
static uint64_t mixed_stat(uint64_t h, const struct stat *st)
{
	h = mixed(h, st->st_ino);
	h = mixed(h, st->st_dev);
	h = mixed(h, st->st_mode);
	if (S_ISDIR(st->st_mode))
		return h; /* its entries speak for themselves */
	h = mixed(h, (uint64_t)st->st_size);
	h = mixed(h, (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec);
	return mixed(h, (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec);
}

static void walk_folder(struct walk *w, const struct step *above, int depth);

/* A link counts with itself and with what it leads to. */
static void walk_entry(struct walk *w, const struct step *above, int folder, const char *name, int depth)
{
	struct stat own, target;
	uint64_t h = str_hash(str_n(w->path, w->path_n));
	if (fstatat(folder, name, &own, AT_SYMLINK_NOFOLLOW) != 0)
		return; /* gone meanwhile: the next walk tells */
	h = mixed_stat(h, &own);
	target = own;
	bool leads_somewhere = !S_ISLNK(own.st_mode) || stat(w->path, &target) == 0;
	if (S_ISLNK(own.st_mode) && leads_somewhere)
		h = mixed_stat(h, &target);
	w->sum += h;
	if (leads_somewhere && S_ISDIR(target.st_mode) && depth < DEPTH_MAX &&
		!is_above(above, &target))
		walk_folder(w, above, depth + 1);
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static void walk_entries(struct walk *w, DIR *d, const struct step *here, int depth)
{
	size_t folder_n = w->path_n;
	const struct dirent *e;
	while ((e = readdir(d)) && w->entries < ENTRIES_MAX) {
		struct str name = str_of(e->d_name);
		if (is_dots(e->d_name) || folder_n + 1 + name.n >= sizeof(w->path))
			continue;
		w->entries++;
		w->path[folder_n] = '/';
		memcpy(w->path + folder_n + 1, name.p, name.n + 1);
		w->path_n = folder_n + 1 + name.n;
		walk_entry(w, here, dirfd(d), e->d_name, depth);
	}
	w->path_n = folder_n;
	w->path[folder_n] = '\0';
}

/* The watch comes first: what changes while the folder is read is told by it. */
static void walk_folder(struct walk *w, const struct step *above, int depth)
{
	struct stat st;
	if (w->inotify_fd >= 0)
		inotify_add_watch(w->inotify_fd, w->path, EVENTS | IN_ONLYDIR);
	DIR *d = opendir(w->path);
	if (!d)
		return;
	if (fstat(dirfd(d), &st) == 0) {
		struct step here = {above, st.st_dev, st.st_ino};
		w->sum += mixed(str_hash(str_n(w->path, w->path_n)), 1);
		walk_entries(w, d, &here, depth);
	}
	closedir(d);
}

static uint64_t walk(const struct file_watch *f, int inotify_fd)
{
	struct walk w = {.inotify_fd = inotify_fd};
	w.path_n = strlen(f->folder);
	memcpy(w.path, f->folder, w.path_n + 1);
	walk_folder(&w, NULL, 0);
	return w.sum;
}

/* --- noticing -----------------------------------------------------------------------------------
 */

static void note_change(struct file_watch *f, bool by_poll)
{
	if (!timer_is_running(&f->quiet)) {
		f->by_poll = by_poll;
		timer_start(f->loop, &f->ceiling, (int64_t)f->quiet_ms * CEILING);
	}
	f->is_looked = false;
	timer_start(f->loop, &f->quiet, by_poll ? f->quiet_ms : f->quiet_ms / 2);
}

static void on_inotify(struct watch *watch, int ready);

static void close_inotify(struct file_watch *f)
{
	if (f->fd < 0)
		return;
	watch_stop(&f->events);
	close(f->fd);
	f->fd = -1;
}

/* Looks at everything, through a new inotify instance; the old one goes when the new one is set. */
static void look_anew(struct file_watch *f)
{
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	f->seen = walk(f, fd);
	close_inotify(f);
	f->fd = fd;
	if (fd >= 0 && !watch_start_level(&f->events, f->loop, fd, on_inotify))
		close_inotify(f); /* polling goes on */
	f->is_looked = true;
}

/* Reads all that inotify has to say. */
static void read_events(int fd, bool *changed, bool *has_new_folder)
{
	_Alignas(struct inotify_event) char buffer[16384];
	ssize_t n;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0) {
		for (char *p = buffer; p < buffer + n;) {
			struct inotify_event e;
			memcpy(&e, p, sizeof(e));
			p += sizeof(e) + e.len;
			if (e.mask & (EVENTS | IN_Q_OVERFLOW))
				*changed = true;
			if (e.mask & IN_Q_OVERFLOW ||
				((e.mask & (IN_CREATE | IN_MOVED_TO)) && (e.mask & IN_ISDIR)))
				*has_new_folder = true;
		}
	}
}

static void on_inotify(struct watch *watch, int ready)
{
	struct file_watch *f = CONTAINER_OF(watch, struct file_watch, events);
	bool changed = false, has_new_folder = false;
	read_events(f->fd, &changed, &has_new_folder);
	if (has_new_folder)
		walk(f, f->fd); /* what happens in it extends the quiet time, too */
	if (changed)
		note_change(f, false);
}

static void on_poll(struct timer *t)
{
	struct file_watch *f = CONTAINER_OF(t, struct file_watch, poll);
	timer_start(f->loop, &f->poll, FILE_WATCH_POLL_MS);
	if (timer_is_running(&f->quiet))
		return; /* looked at when that is over */
	uint64_t now = walk(f, -1);
	if (now == f->seen)
		return;
	f->seen = now;
	note_change(f, true);
}

/* `fn` comes last: it may free the watch. */
static void report(struct file_watch *f)
{
	timer_stop(&f->quiet);
	timer_stop(&f->ceiling);
	if (!f->is_looked)
		look_anew(f);
	f->fn(f->arg);
}

/* Half of the quiet time is over; what happens from here on begins it anew. */
static void look_while_waiting(struct file_watch *f)
{
	look_anew(f);
	timer_start(f->loop, &f->quiet, f->quiet_ms - f->quiet_ms / 2); /* since the turn began */
}

/* Where inotify is blind, quiet means that two looks a quiet time apart see the same. */
static void on_quiet(struct timer *t)
{
	struct file_watch *f = CONTAINER_OF(t, struct file_watch, quiet);
	if (!f->by_poll && !f->is_looked) {
		look_while_waiting(f);
		return;
	}
	if (f->by_poll) {
		uint64_t now = walk(f, -1);
		bool is_quiet = now == f->seen;
		f->seen = now;
		if (!is_quiet) {
			timer_start(f->loop, &f->quiet, f->quiet_ms);
			return;
		}
	}
	report(f);
}

static void on_ceiling(struct timer *t)
{
	report(CONTAINER_OF(t, struct file_watch, ceiling));
}

/* --- life ---------------------------------------------------------------------------------------
 */

static struct str without_final_slashes(struct str path)
{
	while (path.n > 1 && path.p[path.n - 1] == '/')
		path.n--;
	return path;
}

struct file_watch *file_watch_new(
	struct loop *loop, const char *folder, int quiet_ms, file_watch_fn *fn, void *arg)
{
	struct str path = without_final_slashes(str_of(folder));
	if (path.n >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	DIR *d = opendir(folder);
	if (!d)
		return NULL;
	closedir(d);
	struct file_watch *f = heap_zalloc(sizeof(*f));
	f->loop = loop;
	f->folder = heap_strndup(path);
	f->quiet_ms = quiet_ms;
	f->fn = fn;
	f->arg = arg;
	f->fd = -1;
	timer_init(&f->poll, on_poll);
	timer_init(&f->quiet, on_quiet);
	timer_init(&f->ceiling, on_ceiling);
	look_anew(f);
	timer_start(loop, &f->poll, FILE_WATCH_POLL_MS);
	return f;
}

void file_watch_free(struct file_watch *f)
{
	if (!f)
		return;
	close_inotify(f);
	timer_stop(&f->poll);
	timer_stop(&f->quiet);
	timer_stop(&f->ceiling);
	free(f->folder);
	free(f);
}
