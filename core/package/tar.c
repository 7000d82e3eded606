/* SPDX-License-Identifier: Apache-2.0 */
#include "package/tar.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 512u

/* Fields of a header are texts; numbers are octal digits that a NUL ends. */
struct header {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
	char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct header) == BLOCK_BYTES, "a header is one block");

struct sentence {
	char *message;
	size_t size;
};

static enum rc fail(const struct sentence *to, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static enum rc fail(const struct sentence *to, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(to->message, to->size, format, args);
	va_end(args);
	return RC_INVALID;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

/* Segments of at least one character, none of which begins with a dot. */
static bool is_name(struct str name)
{
	bool is_start = true;
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (c == '/' ? is_start : !is_name_char(c) || (is_start && c == '.'))
			return false;
		is_start = c == '/';
	}
	return name.n > 0 && name.n < TAR_NAME_BYTES_MAX && !is_start;
}

static unsigned checksum(const struct header *h)
{
	struct header copy = *h;
	const unsigned char *p = (const unsigned char *)&copy;
	unsigned sum = 0;
	memset(copy.checksum, ' ', sizeof(copy.checksum));
	for (size_t i = 0; i < sizeof(copy); i++)
		sum += p[i];
	return sum;
}

/* The one header that a file has; names and sizes fit. */
static struct header header_of(const struct tar_file *f)
{
	struct header h = {.type = '0', .magic = "ustar", .version = {'0', '0'}};
	memcpy(h.name, f->name.p, f->name.n);
	snprintf(h.mode, sizeof(h.mode), "%07o", str_ends(f->name, STR(".so")) ? 0755u : 0644u);
	snprintf(h.uid, sizeof(h.uid), "%07o", 0u);
	snprintf(h.gid, sizeof(h.gid), "%07o", 0u);
	snprintf(h.size, sizeof(h.size), "%011llo", f->bytes.n & ((1ull << 33) - 1));
	snprintf(h.mtime, sizeof(h.mtime), "%011o", 0u);
	snprintf(h.checksum, sizeof(h.checksum), "%06o", checksum(&h) & 0777777u);
	h.checksum[7] = ' ';
	return h;
}

static size_t padding(size_t n)
{
	return (BLOCK_BYTES - n % BLOCK_BYTES) % BLOCK_BYTES;
}

/* --- writing --------------------------------------------------------------------------------- */
static void add_zeros(struct buffer *out, size_t n)
{
	char *p = buffer_reserve(out, n);
	if (!p)
		return;
	memset(p, 0, n);
	buffer_commit(out, n);
}

static int compare_files(const void *a, const void *b)
{
	return str_compare(((const struct tar_file *)a)->name, ((const struct tar_file *)b)->name);
}

enum rc tar_write(struct tar_file *files, size_t count, struct buffer *out, char *message,
	size_t message_size)
{
	struct sentence to = {message, message_size};
	if (count > TAR_FILES_MAX)
		return fail(&to, "%zu files; %u are the most", count, TAR_FILES_MAX);
	qsort(files, count, sizeof(*files), compare_files);
	for (size_t i = 0; i < count; i++) {
		if (!is_name(files[i].name))
			return fail(&to, "\"%.*s\" is no name of a file in a pack",
				STR_ARG(files[i].name));
		if (i > 0 && str_eq(files[i].name, files[i - 1].name))
			return fail(&to, "%.*s is there twice", STR_ARG(files[i].name));
		struct header h = header_of(&files[i]);
		buffer_add(out, str_n((const char *)&h, sizeof(h)));
		buffer_add(out, files[i].bytes);
		add_zeros(out, padding(files[i].bytes.n));
	}
	add_zeros(out, 2 * BLOCK_BYTES);
	return RC_OK;
}

/* --- reading --------------------------------------------------------------------------------- */
static bool octal(const char *field, size_t n, uint64_t *value)
{
	*value = 0;
	for (size_t i = 0; i + 1 < n; i++) {
		if (field[i] < '0' || field[i] > '7')
			return false;
		*value = *value * 8 + (uint64_t)(field[i] - '0');
	}
	return field[n - 1] == '\0';
}

static bool is_zero(struct str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		if (bytes.p[i] != '\0')
			return false;
	return true;
}

static struct str take(struct str *rest, size_t n)
{
	struct str part = str_n(rest->p, n < rest->n ? n : rest->n);
	*rest = str_from(*rest, part.n);
	return part;
}

/* One file at the start of `rest`. Whatever its header says beside name and size has to be what a
 * writer of packs says, so that there is one reading of it. */
static enum rc read_file(struct str *rest, struct tar_file *out, const struct sentence *to)
{
	struct header h;
	uint64_t size;
	struct str block = take(rest, BLOCK_BYTES);
	if (block.n < BLOCK_BYTES)
		return fail(to, "is cut short");
	memcpy(&h, block.p, sizeof(h));
	out->name = str_n(block.p, strnlen(block.p, sizeof(h.name)));
	if (!is_name(out->name))
		return fail(to, "has a file whose name it may not have");
	if (!octal(h.size, sizeof(h.size), &size) || size > rest->n)
		return fail(to, "is cut short, or damaged: the size of %.*s", STR_ARG(out->name));
	out->bytes = take(rest, size);
	struct header expected = header_of(out);
	if (memcmp(&expected, &h, sizeof(h)) != 0)
		return fail(to, "is no pack: %.*s is not a plain file as packs have them",
			STR_ARG(out->name));
	struct str pad = take(rest, padding(size));
	if (pad.n != padding(size) || !is_zero(pad))
		return fail(to, "is damaged behind %.*s", STR_ARG(out->name));
	return RC_OK;
}

enum rc tar_read(struct str tar, struct tar_file files[TAR_FILES_MAX], size_t *count, char *message,
	size_t message_size)
{
	struct sentence to = {message, message_size};
	for (*count = 0;; (*count)++) {
		struct tar_file f;
		if (tar.n == 2 * BLOCK_BYTES && is_zero(tar))
			return RC_OK;
		if (*count == TAR_FILES_MAX)
			return fail(&to, "has more than %u files", TAR_FILES_MAX);
		if (read_file(&tar, &f, &to) != RC_OK)
			return RC_INVALID;
		if (*count > 0 && str_compare(files[*count - 1].name, f.name) >= 0)
			return fail(&to, "has %.*s twice, or out of order", STR_ARG(f.name));
		files[*count] = f;
	}
}
