/* SPDX-License-Identifier: Apache-2.0 */
/* A backtracking matcher over places in the pattern. What can fail later is a call, what cannot is
 * a turn of the loop in match(); the depth of calls is bounded, so is the number of single items
 * looked at. */
#include "util/pattern.h"

#include <ctype.h>
#include <string.h>

#define NO_MATCH           SIZE_MAX
#define DEPTH_MAX          200
#define SET_BYTES_PER_STEP 8

enum { CAPTURE_OPEN, CAPTURE_CLOSED, CAPTURE_POSITION };

struct matcher {
	struct sluice_str s, p;
	uint64_t *steps;
	unsigned depth;
	int32_t rc; /* SLUICE_OK while it goes on */
	const char *message;
	unsigned count;
	struct {
		size_t start, n;
		int state;
	} captures[PATTERN_CAPTURES_MAX];
};

static size_t stop(struct matcher *m, int32_t rc, const char *message)
{
	if (m->rc == SLUICE_OK) {
		m->rc = rc;
		m->message = message;
	}
	return NO_MATCH;
}

static bool pay_for(struct matcher *m, uint64_t steps)
{
	if (*m->steps < steps) {
		stop(m, SLUICE_E_FULL, "the pattern takes too many steps");
		return false;
	}
	*m->steps -= steps;
	return m->rc == SLUICE_OK;
}

static bool pay(struct matcher *m)
{
	return pay_for(m, 1);
}

/* A set is looked through from its start. */
static uint64_t item_steps(size_t at, size_t end)
{
	return (end - at) / SET_BYTES_PER_STEP;
}

/* --- single items ---------------------------------------------------------------------------- */
static bool is_in_class(unsigned char c, unsigned char class)
{
	bool is_in;
	switch (tolower(class)) {
	case 'a':
		is_in = isalpha(c);
		break;
	case 'c':
		is_in = iscntrl(c);
		break;
	case 'd':
		is_in = isdigit(c);
		break;
	case 'g':
		is_in = isgraph(c);
		break;
	case 'l':
		is_in = islower(c);
		break;
	case 'p':
		is_in = ispunct(c);
		break;
	case 's':
		is_in = isspace(c);
		break;
	case 'u':
		is_in = isupper(c);
		break;
	case 'w':
		is_in = isalnum(c);
		break;
	case 'x':
		is_in = isxdigit(c);
		break;
	case 'z':
		is_in = c == 0;
		break;
	default:
		return class == c;
	}
	return isupper(class) ? !is_in : is_in;
}

/* Behind the set whose '[' is at `at`. */
static size_t set_end(struct matcher *m, size_t at)
{
	size_t i = at + 1;
	if (i < m->p.n && m->p.p[i] == '^')
		i++;
	bool is_first = true;
	while (i < m->p.n && (m->p.p[i] != ']' || is_first)) {
		i += m->p.p[i] == '%' ? 2 : 1;
		is_first = false;
	}
	return i < m->p.n ? i + 1 : stop(m, SLUICE_E_INVALID, "a pattern's [ has no ]");
}

/* Behind the single item at `at`. */
static size_t item_end(struct matcher *m, size_t at)
{
	char c = m->p.p[at];
	if (c == '[')
		return set_end(m, at);
	if (c != '%')
		return at + 1;
	return at + 1 < m->p.n ? at + 2 : stop(m, SLUICE_E_INVALID, "a pattern ends in %");
}

/* The set from '[' at `at` to `end`. */
static bool is_in_set(const struct matcher *m, unsigned char c, size_t at, size_t end)
{
	const unsigned char *p = (const unsigned char *)m->p.p;
	size_t i = at + 1, last = end - 1;
	bool negated = p[i] == '^';
	i += negated;
	while (i < last) {
		if (p[i] == '%') {
			if (is_in_class(c, p[i + 1]))
				return !negated;
			i += 2;
		} else if (i + 2 < last && p[i + 1] == '-') {
			if (p[i] <= c && c <= p[i + 2])
				return !negated;
			i += 3;
		} else {
			if (p[i] == c)
				return !negated;
			i++;
		}
	}
	return negated;
}

static bool item_matches(const struct matcher *m, unsigned char c, size_t at, size_t end)
{
	switch (m->p.p[at]) {
	case '.':
		return true;
	case '%':
		return is_in_class(c, (unsigned char)m->p.p[at + 1]);
	case '[':
		return is_in_set(m, c, at, end);
	default:
		return (unsigned char)m->p.p[at] == c;
	}
}

static bool matches_at(struct matcher *m, size_t s, size_t at, size_t end)
{
	return pay_for(m, 1 + item_steps(at, end)) && s < m->s.n &&
	       item_matches(m, (unsigned char)m->s.p[s], at, end);
}

/* --- what stands between them ---------------------------------------------------------------- */
static size_t match(struct matcher *m, size_t s, size_t p);

/* As many as there are, then fewer. */
static size_t match_longest(struct matcher *m, size_t s, size_t at, size_t end, size_t least)
{
	size_t n = 0;
	while (matches_at(m, s + n, at, end))
		n++;
	for (; n >= least && m->rc == SLUICE_OK; n--) {
		size_t found = match(m, s + n, end + 1);
		if (found != NO_MATCH)
			return found;
		if (n == 0)
			break;
	}
	return NO_MATCH;
}

static size_t match_shortest(struct matcher *m, size_t s, size_t at, size_t end)
{
	for (;; s++) {
		size_t found = match(m, s, end + 1);
		if (found != NO_MATCH || !matches_at(m, s, at, end))
			return found;
	}
}

static size_t match_balanced(struct matcher *m, size_t s, size_t p)
{
	if (p + 3 >= m->p.n)
		return stop(m, SLUICE_E_INVALID, "a pattern's %b needs two characters");
	char open = m->p.p[p + 2], close = m->p.p[p + 3];
	if (s >= m->s.n || m->s.p[s] != open)
		return NO_MATCH;
	size_t depth = 1;
	for (size_t i = s + 1; i < m->s.n && pay(m); i++) {
		if (m->s.p[i] == close && --depth == 0)
			return i + 1;
		if (m->s.p[i] == open && open != close)
			depth++;
	}
	return NO_MATCH;
}

/* Where the frontier's set ends when it stands at s. */
static size_t match_frontier(struct matcher *m, size_t s, size_t p)
{
	if (p + 2 >= m->p.n || m->p.p[p + 2] != '[')
		return stop(m, SLUICE_E_INVALID, "a pattern's %f needs a set");
	size_t end = set_end(m, p + 2);
	if (end == NO_MATCH)
		return NO_MATCH;
	if (!pay_for(m, 1 + item_steps(p, end)))
		return NO_MATCH;
	unsigned char before = s > 0 ? (unsigned char)m->s.p[s - 1] : 0;
	unsigned char after = s < m->s.n ? (unsigned char)m->s.p[s] : 0;
	bool is_there = !is_in_set(m, before, p + 2, end) && is_in_set(m, after, p + 2, end);
	return is_there ? end : NO_MATCH;
}

static size_t match_reference(struct matcher *m, size_t s, char digit)
{
	unsigned i = (unsigned)(digit - '1');
	if (digit == '0' || i >= m->count || m->captures[i].state != CAPTURE_CLOSED)
		return stop(m, SLUICE_E_INVALID, "a pattern refers to a capture that it has not");
	size_t n = m->captures[i].n;
	if (n > *m->steps)
		return stop(m, SLUICE_E_FULL, "the pattern takes too many steps");
	*m->steps -= n;
	if (n > m->s.n - s || memcmp(m->s.p + m->captures[i].start, m->s.p + s, n) != 0)
		return NO_MATCH;
	return s + n;
}

static size_t open_capture(struct matcher *m, size_t s, size_t p, int state)
{
	if (m->count == PATTERN_CAPTURES_MAX)
		return stop(m, SLUICE_E_INVALID, "a pattern has too many captures");
	m->captures[m->count].start = s;
	m->captures[m->count].n = 0;
	m->captures[m->count++].state = state;
	size_t found = match(m, s, p);
	if (found == NO_MATCH)
		m->count--;
	return found;
}

static size_t close_capture(struct matcher *m, size_t s, size_t p)
{
	unsigned i = m->count;
	while (i > 0 && m->captures[i - 1].state != CAPTURE_OPEN)
		i--;
	if (i == 0)
		return stop(m, SLUICE_E_INVALID, "a pattern's ) has no (");
	m->captures[i - 1].state = CAPTURE_CLOSED;
	m->captures[i - 1].n = s - m->captures[i - 1].start;
	size_t found = match(m, s, p);
	if (found == NO_MATCH)
		m->captures[i - 1].state = CAPTURE_OPEN;
	return found;
}

static size_t match_repeated(struct matcher *m, size_t s, size_t at, size_t end)
{
	switch (m->p.p[end]) {
	case '*':
		return match_longest(m, s, at, end, 0);
	case '+':
		return match_longest(m, s, at, end, 1);
	case '-':
		return match_shortest(m, s, at, end);
	default: {
		size_t found = matches_at(m, s, at, end) ? match(m, s + 1, end + 1) : NO_MATCH;
		return found != NO_MATCH || m->rc != SLUICE_OK ? found : match(m, s, end + 1);
	}
	}
}

/* A single item, or what repeats one. False: `*s` is the result. */
static bool step_item(struct matcher *m, size_t *s, size_t *p)
{
	size_t end = item_end(m, *p);
	if (end == NO_MATCH || !pay_for(m, item_steps(*p, end))) {
		*s = NO_MATCH;
		return false;
	}
	if (end < m->p.n && memchr("*+-?", m->p.p[end], 4)) {
		*s = match_repeated(m, *s, *p, end);
		return false;
	}
	bool is_match = matches_at(m, *s, *p, end);
	*s = is_match ? *s + 1 : NO_MATCH;
	*p = end;
	return is_match;
}

/* %b, %f and references to captures. False: `*s` is the result, which is no match. */
static bool step_special(struct matcher *m, size_t *s, size_t *p)
{
	char kind = m->p.p[*p + 1];
	size_t found = NO_MATCH, behind = *p + (kind == 'b' ? 4 : 2);
	if (kind == 'f') {
		behind = match_frontier(m, *s, *p);
		found = behind == NO_MATCH ? NO_MATCH : *s;
	} else if (kind == 'b') {
		found = match_balanced(m, *s, *p);
	} else {
		found = match_reference(m, *s, kind);
	}
	*s = found;
	*p = behind;
	return found != NO_MATCH;
}

/* One step of the pattern at *p that cannot fail later; false: `*s` is the result. */
static bool step(struct matcher *m, size_t *s, size_t *p)
{
	size_t at = *p;
	char c = m->p.p[at], next = at + 1 < m->p.n ? m->p.p[at + 1] : '\0';
	if (c == '(') {
		*s = next == ')' ? open_capture(m, *s, at + 2, CAPTURE_POSITION)
				 : open_capture(m, *s, at + 1, CAPTURE_OPEN);
		return false;
	}
	if (c == ')') {
		*s = close_capture(m, *s, at + 1);
		return false;
	}
	if (c == '$' && at + 1 == m->p.n) {
		*s = *s == m->s.n ? *s : NO_MATCH;
		return false;
	}
	if (c == '%' && (next == 'b' || next == 'f' || isdigit((unsigned char)next)))
		return step_special(m, s, p);
	return step_item(m, s, p);
}

static size_t match(struct matcher *m, size_t s, size_t p)
{
	if (m->depth == DEPTH_MAX)
		return stop(m, SLUICE_E_INVALID, "a pattern is too complex");
	m->depth++;
	while (p < m->p.n && pay(m)) {
		if (!step(m, &s, &p)) {
			m->depth--;
			return m->rc == SLUICE_OK ? s : NO_MATCH;
		}
	}
	m->depth--;
	return m->rc == SLUICE_OK ? s : NO_MATCH;
}

/* --- all ------------------------------------------------------------------------------------- */
static bool take(struct matcher *m, size_t start, size_t end, struct pattern_match *out)
{
	out->start = start;
	out->end = end;
	out->count = m->count;
	for (unsigned i = 0; i < m->count; i++) {
		if (m->captures[i].state == CAPTURE_OPEN)
			return false;
		out->captures[i] = (struct pattern_capture){
			.start = m->captures[i].start,
			.n = m->captures[i].n,
			.is_position = m->captures[i].state == CAPTURE_POSITION,
		};
	}
	return true;
}

int32_t pattern_find(struct sluice_str subject, struct sluice_str pattern, size_t from,
	uint64_t *steps, struct pattern_match *out, const char **message)
{
	bool is_anchored = pattern.n > 0 && pattern.p[0] == '^';
	struct sluice_str rest = {pattern.p + is_anchored, pattern.n - is_anchored};
	struct matcher m = {.s = subject, .p = rest, .steps = steps};
	for (size_t s = from; s <= subject.n; s++) {
		m.count = 0;
		size_t end = match(&m, s, 0);
		if (end != NO_MATCH && !take(&m, s, end, out))
			stop(&m, SLUICE_E_INVALID, "a pattern's ( has no )");
		if (m.rc != SLUICE_OK) {
			*message = m.message;
			return m.rc;
		}
		if (end != NO_MATCH)
			return SLUICE_OK;
		if (is_anchored)
			break;
	}
	return SLUICE_E_NOT_FOUND;
}
