/* SPDX-License-Identifier: Apache-2.0 */
/* A recursive walk over the text itself: nothing is stored, so there is no tree and no library. */
#include "sluicectl/outline.h"

#define DEPTH_MAX 64

struct walk {
	struct str in; /* what is left */
	struct buffer *out;
	unsigned depth;
};

static void skip_space(struct walk *w)
{
	while (w->in.n > 0 && strchr(" \t\r\n", w->in.p[0]))
		w->in = str_from(w->in, 1);
}

/* After white space: takes c when it is next. */
static bool take(struct walk *w, char c)
{
	skip_space(w);
	if (w->in.n == 0 || w->in.p[0] != c)
		return false;
	w->in = str_from(w->in, 1);
	return true;
}

static void add_indent(struct walk *w)
{
	for (unsigned i = 1; i < w->depth; i++)
		buffer_add(w->out, STR("  "));
}

static bool hex4(struct str s, unsigned *code)
{
	*code = 0;
	if (s.n < 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
			return false;
		*code = *code * 16 + (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return true;
}

/* Two bytes or three; escapes of astral characters stay as they were written. */
static void add_utf8(struct buffer *out, unsigned code)
{
	if (code < 0x80) {
		buffer_add_char(out, (char)code);
	} else if (code < 0x800) {
		buffer_add_char(out, (char)(0xc0 | code >> 6));
		buffer_add_char(out, (char)(0x80 | (code & 0x3f)));
	} else {
		buffer_add_char(out, (char)(0xe0 | code >> 12));
		buffer_add_char(out, (char)(0x80 | (code >> 6 & 0x3f)));
		buffer_add_char(out, (char)(0x80 | (code & 0x3f)));
	}
}

/* At the byte after a backslash. */
static bool add_escape(struct walk *w)
{
	if (w->in.n == 0)
		return false;
	char c = w->in.p[0];
	w->in = str_from(w->in, 1);
	if (c == '"' || c == '\\' || c == '/') {
		buffer_add_char(w->out, c);
		return true;
	}
	if (c != 'u') {
		buffer_add_char(w->out, '\\');
		buffer_add_char(w->out, c);
		return strchr("bfnrt", c) != NULL;
	}
	unsigned code;
	if (!hex4(w->in, &code))
		return false;
	bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
	bool is_surrogate = code >= 0xd800 && code < 0xe000;
	if (is_control || is_surrogate)
		buffer_addf(w->out, "\\u%04x", code);
	else
		add_utf8(w->out, code);
	w->in = str_from(w->in, 4);
	return true;
}

/* After the opening quote, up to and with the closing one. */
static bool add_string(struct walk *w)
{
	while (w->in.n > 0) {
		char c = w->in.p[0];
		w->in = str_from(w->in, 1);
		if (c == '"')
			return true;
		if (c == '\\') {
			if (!add_escape(w))
				return false;
		} else if ((unsigned char)c < 0x20) {
			return false;
		} else if (c == 0x7f) {
			buffer_add(w->out, STR("\\u007f"));
		} else {
			buffer_add_char(w->out, c);
		}
	}
	return false;
}

/* Numbers and the three words; their grammar is left to the gateway that wrote them. */
static bool add_scalar(struct walk *w)
{
	size_t n = 0;
	while (n < w->in.n &&
		(w->in.p[n] == '-' || w->in.p[n] == '+' || w->in.p[n] == '.' ||
			(w->in.p[n] >= '0' && w->in.p[n] <= '9') ||
			(ascii_lower(w->in.p[n]) >= 'a' && ascii_lower(w->in.p[n]) <= 'z')))
		n++;
	buffer_add(w->out, str_slice(w->in, 0, n));
	w->in = str_from(w->in, n);
	return n > 0;
}

static bool add_value(struct walk *w);

/* A value after "key:" or "-": on the same line when it is no filled list. */
static bool add_member(struct walk *w, bool has_key)
{
	add_indent(w);
	if (has_key) {
		if (!take(w, '"') || !add_string(w) || !take(w, ':'))
			return false;
		buffer_add_char(w->out, ':');
	} else {
		buffer_add_char(w->out, '-');
	}
	skip_space(w);
	return add_value(w);
}

static bool add_list(struct walk *w, char close)
{
	bool has_keys = close == '}';
	if (take(w, close)) {
		buffer_add(w->out, has_keys ? STR(" {}\n") : STR(" []\n"));
		return true;
	}
	if (w->depth++ >= DEPTH_MAX)
		return false;
	if (w->depth > 1)
		buffer_add_char(w->out, '\n');
	do {
		skip_space(w);
		if (!add_member(w, has_keys))
			return false;
	} while (take(w, ','));
	w->depth--;
	return take(w, close);
}

static bool add_value(struct walk *w)
{
	if (take(w, '{'))
		return add_list(w, '}');
	if (take(w, '['))
		return add_list(w, ']');
	if (w->depth > 0)
		buffer_add_char(w->out, ' ');
	bool is_good = take(w, '"') ? add_string(w) : add_scalar(w);
	buffer_add_char(w->out, '\n');
	return is_good;
}

enum rc outline_of_json(struct str json, struct buffer *out)
{
	struct walk w = {.in = json, .out = out};
	if (!add_value(&w))
		return RC_INVALID;
	skip_space(&w);
	return w.in.n == 0 && !out->failed ? RC_OK : RC_INVALID;
}
