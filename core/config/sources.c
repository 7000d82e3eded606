/* SPDX-License-Identifier: Apache-2.0 */
#include "config/sources.h"

#include "config/document.h"
#include "config/record.h"

#include "base/clock.h"
#include "base/memory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- one file -------------------------------------------------------------------------------- */

static struct file_identity identity_of(const struct stat *st)
{
	return (struct file_identity){
		.device = st->st_dev,
		.inode = st->st_ino,
		.size = (uint64_t)st->st_size,
		.mtime_s = st->st_mtim.tv_sec,
		.mtime_ns = st->st_mtim.tv_nsec,
		.ctime_s = st->st_ctim.tv_sec,
		.ctime_ns = st->st_ctim.tv_nsec,
	};
}

static enum rc read_descriptor(
	int fd, size_t bytes_max, char **bytes, size_t *size, struct file_identity *identity)
{
	struct stat st;
	if (fstat(fd, &st) != 0)
		return RC_IO;
	if (!S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : 0;
		return errno ? RC_IO : RC_UNSUPPORTED;
	}
	*identity = identity_of(&st);
	struct buffer b;
	buffer_init(&b, bytes_max + 65536);
	for (;;) {
		char *room = buffer_reserve(&b, 65536);
		ssize_t n = room ? read(fd, room, 65536) : 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = errno;
			buffer_deinit(&b);
			errno = error;
			return RC_IO;
		}
		buffer_commit(&b, (size_t)n);
		if (n == 0 || b.n > bytes_max)
			break;
	}
	if (b.failed || b.n > bytes_max) {
		buffer_deinit(&b);
		return RC_FULL;
	}
	*size = b.n;
	*bytes = heap_strndup(buffer_str(&b));
	buffer_deinit(&b);
	return RC_OK;
}

static enum rc read_path(const char *path, size_t bytes_max, char **bytes, size_t *size,
	struct file_identity *identity)
{
	/* Without O_NONBLOCK a named pipe in the folder would hold everything up. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return RC_IO;
	enum rc rc = read_descriptor(fd, bytes_max, bytes, size, identity);
	int error = errno;
	close(fd);
	errno = error;
	return rc;
}

enum rc file_read(const char *path, size_t bytes_max, char **bytes, size_t *size)
{
	struct file_identity identity;
	return read_path(path, bytes_max, bytes, size, &identity);
}

const char *file_read_reason(enum rc rc, size_t bytes_max, char *text, size_t text_size)
{
	if (rc == RC_FULL)
		snprintf(text, text_size, "larger than %zu KiB", bytes_max >> 10);
	else if (rc == RC_UNSUPPORTED)
		snprintf(text, text_size, "not a regular file");
	else
		snprintf(text, text_size, "%s", strerror(errno));
	return text;
}

/* --- finding --------------------------------------------------------------------------------- */

struct finder {
	struct sources *out;
	struct diagnostics *diagnostics;
	const struct record *record; /* or NULL */
	int64_t settled_before_s;    /* wall clock */
	struct {
		dev_t dev;
		ino_t ino;
	} above[SOURCE_FOLDER_DEPTH_MAX]; /* the folders that we are in */
	size_t depth;
};

static void tell(struct finder *f, const char *name, const char *message)
{
	struct position at = {name, 0, 0};
	diagnostics_add_for(f->diagnostics, "", SEVERITY_ERROR, at, "", message);
	f->out->incomplete = true;
}

static void tell_unreadable(struct finder *f, const char *name, const char *reason)
{
	char message[300];
	snprintf(message, sizeof(message), "cannot be read: %s", reason);
	tell(f, name, message);
}

/* In any case: a LOGIN.YAML that nobody reads is a login that nobody asks for. */
static bool ends_in(struct str name, struct str ending)
{
	return name.n > ending.n && str_eq_nocase(str_from(name, name.n - ending.n), ending);
}

static void add(struct sources *s, const char *name, const char *path, const struct stat *st)
{
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 16;
		s->items = heap_realloc(s->items, s->capacity * sizeof(struct source));
	}
	s->items[s->count++] = (struct source){
		.name = heap_strdup(name),
		.path = heap_strdup(path),
		.is_script = ends_in(str_of(name), STR(".lua")),
		.identity = identity_of(st),
	};
}

static bool is_passed_over(struct str name)
{
	return name.p[0] == '.' || str_ends(name, STR("~")) ||
	       (name.p[0] == '#' && str_ends(name, STR("#"))) || str_ends(name, STR(".swp")) ||
	       str_ends(name, STR(".swx")) || str_ends(name, STR(".tmp")) ||
	       str_ends(name, STR(".bak")) || str_ends(name, STR(".orig"));
}

static bool is_source(struct str name)
{
	return ends_in(name, STR(".yaml")) || ends_in(name, STR(".yml")) ||
	       ends_in(name, STR(".json")) || ends_in(name, STR(".lua"));
}

static void walk(struct finder *f, const char *path, const char *below);

/* Of the folder `dir`, which is open; by its whole path the kernel would walk all of that each time. */
static void visit(
	struct finder *f, int dir, const char *path, const char *below, const char *entry)
{
	struct str name = str_of(entry);
	struct stat st;
	if (is_passed_over(name))
		return;
	char *full = heap_printf("%s/%s", path, entry);
	char *shown = heap_printf("%s%s%s", below, below[0] ? "/" : "", entry);
	if (fstatat(dir, entry, &st, 0) != 0) {
		if (is_source(name))
			tell_unreadable(f, shown, strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		walk(f, full, shown);
	} else if (is_source(name)) {
		if (f->out->count < SOURCES_MAX)
			add(f->out, shown, full, &st);
		else
			tell(f, shown, "too many files in one configuration");
	}
	free(full);
	free(shown);
}

static bool is_above(const struct finder *f, const struct stat *st)
{
	for (size_t i = 0; i < f->depth; i++)
		if (f->above[i].dev == st->st_dev && f->above[i].ino == st->st_ino)
			return true;
	return false;
}

static void walk(struct finder *f, const char *path, const char *below)
{
	struct stat st;
	DIR *dir = opendir(path);
	if (!dir || fstat(dirfd(dir), &st) != 0) {
		tell_unreadable(f, below[0] ? below : path, strerror(errno));
		if (dir)
			closedir(dir);
		return;
	}
	if (is_above(f, &st)) {
		tell(f, below, "a link to a folder that it stands in");
	} else if (f->depth == SOURCE_FOLDER_DEPTH_MAX) {
		tell(f, below, "folders are nested too deep");
	} else {
		f->above[f->depth].dev = st.st_dev;
		f->above[f->depth++].ino = st.st_ino;
		for (struct dirent *entry; (entry = readdir(dir));)
			visit(f, dirfd(dir), path, below, entry->d_name);
		f->depth--;
	}
	closedir(dir);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct source *)a)->name, ((const struct source *)b)->name);
}

static enum rc find(struct finder *f, const char *path)
{
	struct stat st;
	struct position at = {path, 0, 0};
	if (stat(path, &st) != 0) {
		diagnostics_add(f->diagnostics, SEVERITY_ERROR, at, "", "cannot be read: %s",
			strerror(errno));
		return errno == ENOENT ? RC_NOT_FOUND : RC_IO;
	}
	if (!S_ISDIR(st.st_mode)) {
		add(f->out, path, path, &st);
		return RC_OK;
	}
	size_t first = f->out->count;
	walk(f, path, "");
	if (f->out->count > first)
		qsort(f->out->items + first, f->out->count - first, sizeof(struct source), by_name);
	return RC_OK;
}

/* --- all ------------------------------------------------------------------------------------- */

static bool is_settled(const struct finder *f, const struct source *s)
{
	return s->identity.ctime_s < f->settled_before_s && s->identity.mtime_s < f->settled_before_s;
}

/* Without a look at its content, where its identity says enough. */
static bool take_known(const struct finder *f, struct source *s, const struct record_entry *e)
{
	if (f->out->bytes + s->identity.size > SOURCES_BYTES_MAX)
		return false;
	if (!e || !e->is_settled || e->part.n == 0 ||
		memcmp(&e->identity, &s->identity, sizeof(s->identity)) != 0)
		return false;
	s->size = s->identity.size;
	s->is_settled = s->is_known = true;
	memcpy(s->sha256, e->sha256, SHA256_BYTES);
	return true;
}

static bool load(struct finder *f, struct source *s)
{
	char reason[200];
	const struct record_entry *e = f->record ? record_find(f->record, str_of(s->name)) : NULL;
	if (take_known(f, s, e)) {
		f->out->bytes += s->size;
		return true;
	}
	enum rc rc = read_path(
		s->path, DOCUMENT_FILE_BYTES_MAX, &s->bytes, &s->size, &s->identity);
	if (rc != RC_OK) {
		tell_unreadable(f, s->name,
			file_read_reason(rc, DOCUMENT_FILE_BYTES_MAX, reason, sizeof(reason)));
		return false;
	}
	f->out->bytes += s->size;
	if (f->out->bytes > SOURCES_BYTES_MAX) {
		tell(f, s->name, "all files together are larger than 64 MiB; this one is left out");
		f->out->bytes -= s->size;
		return false;
	}
	sha256(str_n(s->bytes, s->size), s->sha256);
	s->is_settled = is_settled(f, s);
	s->is_known = e && e->part.n > 0 && memcmp(e->sha256, s->sha256, SHA256_BYTES) == 0;
	return true;
}

bool source_read(struct source *s, struct diagnostics *diagnostics)
{
	char reason[200];
	enum rc rc = read_path(
		s->path, DOCUMENT_FILE_BYTES_MAX, &s->bytes, &s->size, &s->identity);
	if (rc == RC_OK) {
		sha256(str_n(s->bytes, s->size), s->sha256);
		s->is_settled = false;
		return true;
	}
	struct position at = {s->name, 0, 0};
	diagnostics_add(diagnostics, SEVERITY_ERROR, at, "", "cannot be read: %s",
		file_read_reason(rc, DOCUMENT_FILE_BYTES_MAX, reason, sizeof(reason)));
	return false;
}

static void source_deinit(struct source *s)
{
	free(s->name);
	free(s->path);
	free(s->bytes);
}

enum rc sources_read(struct sources *out, const char *const *paths, size_t path_count,
	const struct record *record, int settled_s, struct diagnostics *diagnostics)
{
	int64_t now_s = clock_wall_us() / 1000000;
	struct finder f = {.out = out,
		.diagnostics = diagnostics,
		.record = record,
		.settled_before_s = now_s - (settled_s ? settled_s : SOURCE_SETTLED_S)};
	enum rc rc = RC_OK;
	*out = (struct sources){0};
	for (size_t i = 0; i < path_count && rc == RC_OK; i++)
		rc = find(&f, paths[i]);
	size_t kept = 0;
	for (size_t i = 0; i < out->count; i++) {
		struct source s = out->items[i];
		if (load(&f, &s))
			out->items[kept++] = s;
		else
			source_deinit(&s);
	}
	out->count = kept;
	return rc;
}

void sources_deinit(struct sources *s)
{
	for (size_t i = 0; i < s->count; i++)
		source_deinit(&s->items[i]);
	free(s->items);
	*s = (struct sources){0};
}
