/* SPDX-License-Identifier: Apache-2.0 */
#include "net/hosts.h"

#include "base/map.h"
#include "base/memory.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct hosts_entry {
	struct hosts_entry *next; /* owned: of the same name, in the file's order */
	struct address address;
};

struct hosts {
	char *path;       /* owned */
	struct map names; /* struct hosts_entry, owned */
	int64_t check_ms; /* not looked at again before */
	struct stat seen; /* zero: there was none */
};

struct hosts *hosts_new(const char *path)
{
	struct hosts *h = heap_zalloc(sizeof(*h));
	h->path = heap_strdup(path);
	h->check_ms = INT64_MIN;
	map_init(&h->names);
	return h;
}

static void drop_names(struct hosts *h)
{
	size_t at = 0;
	const struct map_entry *e;
	while ((e = map_next(&h->names, &at))) {
		struct hosts_entry *entry = e->value;
		while (entry) {
			struct hosts_entry *next = entry->next;
			free(entry);
			entry = next;
		}
	}
	map_deinit(&h->names);
}

void hosts_free(struct hosts *h)
{
	drop_names(h);
	free(h->path);
	free(h);
}

/* Splits off the first word; empty when there is none. */
static struct str next_word(struct str *line)
{
	size_t i = 0, from;
	while (i < line->n && (line->p[i] == ' ' || line->p[i] == '\t' || line->p[i] == '\r'))
		i++;
	from = i;
	while (i < line->n && line->p[i] != ' ' && line->p[i] != '\t' && line->p[i] != '\r')
		i++;
	struct str word = str_slice(*line, from, i - from);
	*line = str_from(*line, i);
	return word;
}

/* Entries of one name are few: appended by walking. */
static void add_name(struct hosts *h, struct str name, const struct address *address)
{
	char lower[256];
	if (name.n == 0 || name.n > sizeof(lower))
		return;
	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(name.p[i]);
	struct str key = str_n(lower, name.n);
	struct hosts_entry *entry = heap_zalloc(sizeof(*entry));
	entry->address = *address;
	struct hosts_entry *first = map_get(&h->names, key);
	if (!first) {
		map_put(&h->names, key, entry);
		return;
	}
	size_t count = 1;
	while (first->next && ++count < 64)
		first = first->next;
	if (first->next)
		free(entry);
	else
		first->next = entry;
}

static void parse(struct hosts *h, struct str text)
{
	while (text.n > 0) {
		struct str line = str_cut(&text, '\n');
		line = str_cut(&line, '#');
		struct str ip = next_word(&line), name;
		struct address address;
		if (address_from_ip(ip, 0, &address) != RC_OK)
			continue;
		while ((name = next_word(&line)).n > 0)
			add_name(h, name, &address);
	}
}

static void load(struct hosts *h, int fd, size_t size)
{
	size_t room = size < HOSTS_BYTES_MAX ? size : HOSTS_BYTES_MAX;
	char *text = heap_alloc(room);
	size_t n = 0;
	ssize_t part;
	while (n < room && (part = read(fd, text + n, room - n)) > 0)
		n += (size_t)part;
	parse(h, str_n(text, n));
	free(text);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void refresh(struct hosts *h)
{
	struct stat now = {0};
	int fd = open(h->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && (fstat(fd, &now) != 0 || !S_ISREG(now.st_mode)))
		now = (struct stat){0};
	if (!is_same(&now, &h->seen)) {
		drop_names(h);
		h->seen = now;
		if (now.st_size > 0)
			load(h, fd, (size_t)now.st_size);
	}
	if (fd >= 0)
		close(fd);
}

size_t hosts_find(struct hosts *h, int64_t now_ms, struct str name, struct address *out, size_t max)
{
	if (now_ms >= h->check_ms) {
		h->check_ms = now_ms + HOSTS_CHECK_MS;
		refresh(h);
	}
	size_t count = 0;
	const struct hosts_entry *e = map_get(&h->names, name);
	for (; e && count < max; e = e->next)
		out[count++] = e->address;
	return count;
}
