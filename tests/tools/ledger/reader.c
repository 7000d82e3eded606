/* SPDX-License-Identifier: Apache-2.0 */
#include "reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { IN_HEAD, IN_LENGTH, IN_SIZE, IN_CHUNK, IN_CHUNK_END, IN_TRAILER, AT_END, IS_BAD };

void reader_begin(struct reader *r, bool is_response)
{
	r->is_response = is_response;
	r->state = IN_HEAD;
	r->head_n = r->line_n = 0;
	r->status = 0;
	r->method[0] = r->target[0] = r->nonce[0] = r->verdict[0] = '\0';
	r->has_length = r->is_chunked = r->is_close = false;
	r->length = r->left = 0;
}

bool reader_is_idle(const struct reader *r)
{
	return r->state == IN_HEAD && r->head_n == 0;
}

static enum reader_event bad(struct reader *r)
{
	r->state = IS_BAD;
	return READER_BAD;
}

static bool keep(char *to, size_t room, const char *from, size_t n)
{
	if (n >= room)
		return false;
	memcpy(to, from, n);
	to[n] = '\0';
	return true;
}

static bool read_number(const char *text, int base, uint64_t *out)
{
	char *end;
	if (!*text ||
		strspn(text, base == 10 ? "0123456789" : "0123456789abcdefABCDEF") != strlen(text))
		return false;
	*out = strtoull(text, &end, base);
	return true;
}

static bool read_status_line(struct reader *r, const char *line)
{
	uint64_t status;
	char digits[4];
	if (strncmp(line, "HTTP/1.1 ", 9) != 0 || strlen(line) < 12 ||
		(line[12] != ' ' && line[12] != '\0'))
		return false;
	if (!keep(digits, sizeof(digits), line + 9, 3) || !read_number(digits, 10, &status))
		return false;
	r->status = (unsigned)status;
	return status >= 100 && status < 600;
}

static bool read_request_line(struct reader *r, const char *line)
{
	const char *first = strchr(line, ' ');
	const char *second = first ? strchr(first + 1, ' ') : NULL;
	return second && strcmp(second, " HTTP/1.1") == 0 &&
	       keep(r->method, sizeof(r->method), line, (size_t)(first - line)) &&
	       keep(r->target, sizeof(r->target), first + 1, (size_t)(second - first - 1));
}

static bool read_field(struct reader *r, char *line)
{
	char *colon = strchr(line, ':');
	if (!colon || colon == line)
		return false;
	*colon = '\0';
	char *value = colon + 1 + strspn(colon + 1, " \t");
	if (strcasecmp(line, "content-length") == 0) {
		if (r->has_length)
			return false;
		r->has_length = true;
		return read_number(value, 10, &r->length);
	}
	if (strcasecmp(line, "transfer-encoding") == 0) {
		if (r->is_chunked || strcasecmp(value, "chunked") != 0)
			return false;
		r->is_chunked = true;
	}
	if (strcasecmp(line, "connection") == 0)
		r->is_close |= strcasecmp(value, "close") == 0;
	if (strcasecmp(line, "x-ledger-nonce") == 0)
		return !r->nonce[0] && keep(r->nonce, sizeof(r->nonce), value, strlen(value));
	if (strcasecmp(line, "x-ledger-body") == 0)
		return !r->verdict[0] && keep(r->verdict, sizeof(r->verdict), value, strlen(value));
	return true;
}

/* The head without its last CRLF, lines cut at their CRLF. */
static bool read_head(struct reader *r)
{
	if (memchr(r->head, '\0', r->head_n))
		return false;
	r->head[r->head_n - 2] = '\0';
	bool is_first = true;
	for (char *line = r->head, *end; *line; line = end + 2) {
		end = strstr(line, "\r\n");
		if (!end)
			return false;
		*end = '\0';
		if (strpbrk(line, "\r\n"))
			return false;
		bool is_fine = !is_first        ? read_field(r, line)
			       : r->is_response ? read_status_line(r, line)
						: read_request_line(r, line);
		if (!is_fine)
			return false;
		is_first = false;
	}
	return !(r->has_length && r->is_chunked);
}

static bool has_content(const struct reader *r)
{
	if (r->is_response && (r->status < 200 || r->status == 204 || r->status == 304))
		return false;
	return r->is_chunked || r->length > 0;
}

static enum reader_event feed_head(struct reader *r, const char *p, size_t n, size_t *used)
{
	while (*used < n) {
		if (r->head_n == sizeof(r->head))
			return bad(r);
		r->head[r->head_n++] = p[(*used)++];
		if (r->head_n < 4 || memcmp(r->head + r->head_n - 4, "\r\n\r\n", 4) != 0)
			continue;
		if (!read_head(r))
			return bad(r);
		/* A response that ends with its connection has no mark that it is whole. */
		bool is_endless = r->is_response && r->status >= 200 && r->status != 204 &&
				  r->status != 304 && !r->is_chunked && !r->has_length;
		if (is_endless)
			return bad(r);
		r->left = r->length;
		r->state = !has_content(r) ? AT_END : r->is_chunked ? IN_SIZE : IN_LENGTH;
		return READER_HEAD;
	}
	return READER_MORE;
}

/* A line of the chunked framing into r->line, without its CRLF; false: not whole yet. */
static bool take_line(struct reader *r, const char *p, size_t n, size_t *used)
{
	while (*used < n && r->line_n < sizeof(r->line) - 1) {
		r->line[r->line_n++] = p[(*used)++];
		if (r->line_n >= 2 && memcmp(r->line + r->line_n - 2, "\r\n", 2) == 0) {
			r->line[r->line_n - 2] = '\0';
			r->line_n = 0;
			return true;
		}
	}
	return false;
}

static enum reader_event feed_line(struct reader *r, const char *p, size_t n, size_t *used)
{
	if (!take_line(r, p, n, used))
		return r->line_n == sizeof(r->line) - 1 ? bad(r) : READER_MORE;
	if (r->state == IN_SIZE) {
		if (!read_number(r->line, 16, &r->left))
			return bad(r);
		r->state = r->left > 0 ? IN_CHUNK : IN_TRAILER;
	} else if (r->line[0] != '\0') {
		return bad(r);
	} else {
		r->state = r->state == IN_TRAILER ? AT_END : IN_SIZE;
	}
	return READER_MORE;
}

static enum reader_event feed_data(struct reader *r, const char *p, size_t n, size_t *used)
{
	r->data = p + *used;
	r->data_n = n - *used < r->left ? n - *used : (size_t)r->left;
	*used += r->data_n;
	r->left -= r->data_n;
	if (r->left == 0)
		r->state = r->state == IN_CHUNK ? IN_CHUNK_END : AT_END;
	return READER_DATA;
}

enum reader_event reader_feed(struct reader *r, const char *p, size_t n, size_t *used)
{
	enum reader_event event = READER_MORE;
	*used = 0;
	if (r->state == AT_END)
		return READER_END;
	while (event == READER_MORE && *used < n && r->state != AT_END) {
		switch (r->state) {
		case IN_HEAD:
			event = feed_head(r, p, n, used);
			break;
		case IN_LENGTH:
		case IN_CHUNK:
			event = feed_data(r, p, n, used);
			break;
		case IS_BAD:
			return READER_BAD;
		default:
			event = feed_line(r, p, n, used);
			break;
		}
	}
	return event == READER_MORE && r->state == AT_END ? READER_END : event;
}
