/* SPDX-License-Identifier: Apache-2.0 */
#include "state/cache_folder.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/thread_start.h"
#include "observe/log.h"
#include "state/cache_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* Nothing takes so long to be written, unless its process has died. */
#define FRESH_S 60

struct cache_folder {
	struct cache_mirror mirror;
	struct link link;        /* of those that are open */
	char *dir, *path, *name; /* owned */
	struct str own;          /* the end of the path */
	/* guarded by disk.lock */
	uint64_t pending_bytes;
	unsigned pending;
	/* guarded by `lock` */
	pthread_mutex_t lock; /* held for one call of the store */
	struct cache *store;  /* borrowed; NULL: it has been closed */
	/* the disk's thread */
	int fd; /* of the folder; -1: it could not be opened yet */
	bool has_complained;
};

enum what { LOAD, WRITE, DELETE, EMPTY, CLOSE, REMOVE };

struct task_of_disk {
	struct link link;
	enum what what;
	struct cache_folder *folder;
	struct cache_entry *entry; /* ref; WRITE */
	size_t key_n;              /* DELETE */
	char key[];
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct link tasks;
	unsigned users;
	bool is_stopping;
	pthread_t thread;
} disk = {.lock = PTHREAD_MUTEX_INITIALIZER,
	.wake = PTHREAD_COND_INITIALIZER,
	.tasks = {&disk.tasks, &disk.tasks}};

/* Main thread. */
static struct link open_folders = {&open_folders, &open_folders};

/* --- what is to be done ---------------------------------------------------------------------- */
/* The lock of the disk is held in all of these. */
static void task_add(struct cache_folder *f, enum what what, struct cache_entry *e, struct str key)
{
	struct task_of_disk *t = heap_alloc(sizeof(*t) + key.n);
	*t = (struct task_of_disk){.what = what, .folder = f, .entry = e, .key_n = key.n};
	if (key.n)
		memcpy(t->key, key.p, key.n);
	f->pending++;
	f->pending_bytes += e ? cache_body_bytes(e->body) : 0;
	list_append(&disk.tasks, &t->link);
	pthread_cond_signal(&disk.wake);
}

static void task_take(struct task_of_disk *t)
{
	list_remove(&t->link);
	t->folder->pending--;
	t->folder->pending_bytes -= t->entry ? cache_body_bytes(t->entry->body) : 0;
}

static void task_free(struct task_of_disk *t)
{
	cache_entry_unref(t->entry);
	free(t);
}

/* But for loading, which has to say when it is over. */
static void give_up_pending(struct cache_folder *f)
{
	for (struct link *l = disk.tasks.next, *next; l != &disk.tasks; l = next) {
		struct task_of_disk *t = CONTAINER_OF(l, struct task_of_disk, link);
		next = l->next;
		if (t->folder != f || t->what == LOAD)
			continue;
		task_take(t);
		task_free(t);
	}
}

static void keep_within_bounds(struct cache_folder *f)
{
	if (f->pending < CACHE_FOLDER_PENDING_MAX)
		return;
	give_up_pending(f);
	task_add(f, EMPTY, NULL, STR_EMPTY);
}

/* --- told by the store ----------------------------------------------------------------------- */
static struct cache_folder *folder_of(struct cache_mirror *m)
{
	return CONTAINER_OF(m, struct cache_folder, mirror);
}

static void on_stands(struct cache_mirror *m, struct cache_entry *e)
{
	struct cache_folder *f = folder_of(m);
	pthread_mutex_lock(&disk.lock);
	keep_within_bounds(f);
	bool fits = f->pending_bytes + cache_body_bytes(e->body) <= CACHE_FOLDER_PENDING_BYTES;
	if (fits)
		task_add(f, WRITE, cache_entry_ref(e), STR_EMPTY);
	else
		task_add(f, DELETE, NULL, cache_entry_key(e));
	pthread_mutex_unlock(&disk.lock);
}

static void on_is_gone(struct cache_mirror *m, const struct cache_entry *e)
{
	struct cache_folder *f = folder_of(m);
	pthread_mutex_lock(&disk.lock);
	keep_within_bounds(f);
	task_add(f, DELETE, NULL, cache_entry_key(e));
	pthread_mutex_unlock(&disk.lock);
}

/* --- on the disk's thread -------------------------------------------------------------------- */
static bool make_folder(const char *path)
{
	return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static int fd_of(struct cache_folder *f)
{
	if (f->fd < 0 && make_folder(f->dir) && make_folder(f->path))
		f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return f->fd;
}

/* Said once, until it goes well again. */
static void tell(struct cache_folder *f, bool is_kept)
{
	int error = errno;
	if (!is_kept && !f->has_complained)
		log_write(LOG_WARN, "cache %s: entries cannot be kept on disk: %s", f->name,
			strerror(error));
	f->has_complained = !is_kept;
	pthread_mutex_lock(&f->lock);
	if (!is_kept && f->store)
		cache_tell_unkept(f->store);
	pthread_mutex_unlock(&f->lock);
}

static void do_delete(struct cache_folder *f, struct str key)
{
	char name[CACHE_FILE_NAME_BYTES];
	cache_file_name(key, name);
	if (fd_of(f) >= 0 && unlinkat(f->fd, name, 0) != 0 && errno != ENOENT)
		tell(f, false);
}

static void do_write(struct cache_folder *f, const struct cache_entry *e)
{
	bool is_kept = fd_of(f) >= 0 && cache_file_write(f->fd, e);
	tell(f, is_kept);
	if (!is_kept)
		do_delete(f, cache_entry_key(e));
}

/* RC_EXISTS: something newer stands there, or will; the file is not to be touched. */
static enum rc give_back(struct cache_folder *f, struct cache_entry *e)
{
	enum rc rc = RC_EXISTS;
	pthread_mutex_lock(&f->lock);
	if (f->store)
		rc = cache_restore(f->store, clock_monotonic_ns() / 1000000, e);
	pthread_mutex_unlock(&f->lock);
	return rc;
}

/* Another process, which this one follows, may be about to put it in its place. */
static bool may_be_under_way(const struct cache_folder *f, const char *name)
{
	struct stat st;
	return cache_file_is_fresh(name) && fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime + FRESH_S > clock_wall_us() / 1000000;
}

static void load_one(struct cache_folder *f, const char *name)
{
	struct cache_entry *e = NULL;
	if (may_be_under_way(f, name))
		return;
	enum rc rc = cache_file_read(f->fd, name, &e);
	if (rc == RC_OK)
		rc = give_back(f, e);
	cache_entry_unref(e);
	if (rc != RC_OK && rc != RC_EXISTS && rc != RC_IO)
		unlinkat(f->fd, name, 0);
}

static void for_each_file(
	struct cache_folder *f, void (*fn)(struct cache_folder *f, const char *name))
{
	int fd = fd_of(f) < 0 ? -1 : openat(f->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir && fd >= 0)
		close(fd);
	if (!dir)
		return;
	for (const struct dirent *each; (each = readdir(dir));)
		if (strcmp(each->d_name, ".") != 0 && strcmp(each->d_name, "..") != 0)
			fn(f, each->d_name);
	closedir(dir);
}

static void do_load(struct cache_folder *f)
{
	if (fd_of(f) < 0)
		tell(f, false);
	for_each_file(f, load_one);
	pthread_mutex_lock(&f->lock);
	if (f->store)
		cache_is_restored(f->store);
	pthread_mutex_unlock(&f->lock);
}

static void delete_one(struct cache_folder *f, const char *name)
{
	if (unlinkat(f->fd, name, 0) != 0 && errno != ENOENT)
		tell(f, false);
}

/* What is gone stays so, whatever happens to the machine. */
static void do_empty(struct cache_folder *f)
{
	for_each_file(f, delete_one);
	if (f->fd >= 0)
		fsync(f->fd);
}

static void do_close(struct cache_folder *f, bool stays)
{
	if (!stays)
		do_empty(f);
	if (f->fd >= 0)
		close(f->fd);
	if (!stays)
		rmdir(f->path);
	pthread_mutex_destroy(&f->lock);
	free(f->dir);
	free(f->path);
	free(f->name);
	free(f);
}

static void task_do(const struct task_of_disk *t)
{
	struct cache_folder *f = t->folder;
	switch (t->what) {
	case LOAD:
		do_load(f);
		break;
	case WRITE:
		do_write(f, t->entry);
		break;
	case DELETE:
		do_delete(f, str_n(t->key, t->key_n));
		break;
	case EMPTY:
		do_empty(f);
		break;
	default:
		do_close(f, t->what == CLOSE);
		break;
	}
}

/* The lock is held. NULL: it ends. */
static struct task_of_disk *wait_for_task(void)
{
	while (list_is_empty(&disk.tasks) && !disk.is_stopping)
		pthread_cond_wait(&disk.wake, &disk.lock);
	if (list_is_empty(&disk.tasks))
		return NULL;
	struct task_of_disk *t = CONTAINER_OF(disk.tasks.next, struct task_of_disk, link);
	task_take(t);
	return t;
}

static void *run(void *arg)
{
	pthread_setname_np(pthread_self(), "cache-disk");
	pthread_mutex_lock(&disk.lock);
	for (struct task_of_disk *t; (t = wait_for_task());) {
		pthread_mutex_unlock(&disk.lock);
		task_do(t);
		task_free(t);
		pthread_mutex_lock(&disk.lock);
	}
	pthread_mutex_unlock(&disk.lock);
	return arg;
}

/* The thread is there as long as anybody uses the disk. */
static void disk_use(void)
{
	pthread_mutex_lock(&disk.lock);
	if (disk.users++ == 0)
		thread_start(&disk.thread, run, NULL);
	pthread_mutex_unlock(&disk.lock);
}

static void disk_leave(void)
{
	pthread_mutex_lock(&disk.lock);
	bool is_last = --disk.users == 0;
	disk.is_stopping = is_last;
	pthread_cond_signal(&disk.wake);
	pthread_mutex_unlock(&disk.lock);
	if (!is_last)
		return;
	pthread_join(disk.thread, NULL);
	disk.is_stopping = false;
}

/* --- life ------------------------------------------------------------------------------------ */
static struct cache_folder *folder_new(const char *dir, const char *own, struct str name)
{
	struct cache_folder *f = heap_zalloc(sizeof(*f));
	f->dir = heap_printf("%s/caches", dir);
	f->path = heap_printf("%s/caches/%s", dir, own);
	f->name = heap_strndup(name);
	f->own = str_from(str_of(f->path), strlen(f->path) - strlen(own));
	f->fd = -1;
	CHECK(pthread_mutex_init(&f->lock, NULL) == 0);
	list_append(&open_folders, &f->link);
	disk_use();
	return f;
}

struct cache_folder *cache_folder_open(const char *dir, struct str name, struct cache *c)
{
	char own[CACHE_FILE_NAME_BYTES];
	cache_file_name(name, own);
	struct cache_folder *f = folder_new(dir, own, name);
	f->mirror = (struct cache_mirror){.stands = on_stands, .is_gone = on_is_gone};
	f->store = c;
	cache_set_mirror(c, &f->mirror);
	pthread_mutex_lock(&disk.lock);
	task_add(f, LOAD, NULL, STR_EMPTY);
	pthread_mutex_unlock(&disk.lock);
	return f;
}

void cache_folder_close(struct cache_folder *f, bool stays)
{
	pthread_mutex_lock(&f->lock);
	if (f->store)
		cache_set_mirror(f->store, NULL);
	f->store = NULL;
	pthread_mutex_unlock(&f->lock);
	list_remove(&f->link);
	pthread_mutex_lock(&disk.lock);
	if (!stays)
		give_up_pending(f);
	task_add(f, stays ? CLOSE : REMOVE, NULL, STR_EMPTY);
	pthread_mutex_unlock(&disk.lock);
	disk_leave();
}

/* --- what nobody has ------------------------------------------------------------------------- */
static bool is_open(struct str own)
{
	LIST_FOREACH(l, &open_folders)
	if (str_eq(CONTAINER_OF(l, struct cache_folder, link)->own, own))
		return true;
	return false;
}

/* Whatever else is there is not ours. */
static bool is_digest(struct str name)
{
	size_t n = 0;
	while (n < name.n && strchr("0123456789abcdef", name.p[n]))
		n++;
	return n == name.n && n == CACHE_FILE_NAME_BYTES - 1;
}

void cache_folders_sweep(const char *dir)
{
	char *path = heap_printf("%s/caches", dir);
	DIR *folders = opendir(path);
	free(path);
	if (!folders)
		return;
	disk_use();
	for (const struct dirent *each; (each = readdir(folders));) {
		struct str own = str_of(each->d_name);
		if (is_digest(own) && !is_open(own))
			cache_folder_close(folder_new(dir, each->d_name, own), false);
	}
	disk_leave();
	closedir(folders);
}
