/* SPDX-License-Identifier: Apache-2.0 */
/* HTML is looked at as a browser would: names end at a space, a slash or the end of the tag; what a
 * URL begins with may have spaces, control characters and character references in it. */
#include "xss.h"

#include <string.h>

struct scan {
	const char *p, *end;  /* where it looks */
	int is_in_tag;        /* behind the name of an element, before the end of its tag */
	int is_in_attributes; /* behind a quote that may have ended the value's own attribute */
	const char *element;  /* one that loads something, when it is in its tag; lower case */
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int is_letter(char c)
{
	return lower(c) >= 'a' && lower(c) <= 'z';
}

static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Whether `text` (lower case) is at p. */
static int has(const char *p, const char *end, const char *text)
{
	size_t n = strlen(text);
	if ((size_t)(end - p) < n)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (lower(p[i]) != text[i])
			return 0;
	return 1;
}

static const char *skip_space(const char *p, const char *end)
{
	while (p < end && (is_space(*p) || *p == '\0'))
		p++;
	return p;
}

/* --- URLs ------------------------------------------------------------------------------------ */
/* One character of a URL as a browser reads it in an attribute: references are replaced. -1: the
 * end. */
static int take_url_char(const char **p, const char *end)
{
	static const struct {
		const char *name;
		char c;
	} names[] = {{"&tab;", '\t'}, {"&newline;", '\n'}, {"&colon;", ':'}, {"&lpar;", '('},
		{"&sol;", '/'}};
	if (*p == end)
		return -1;
	for (size_t i = 0; **p == '&' && i < sizeof(names) / sizeof(names[0]); i++)
		if (has(*p, end, names[i].name)) {
			*p += strlen(names[i].name);
			return names[i].c;
		}
	if (!has(*p, end, "&#"))
		return (unsigned char)*(*p)++;
	const char *q = *p + 2;
	int base = q < end && lower(*q) == 'x' ? 16 : 10, value = 0;
	q += base == 16;
	const char *digits = q;
	for (; q < end && value < 0x20000; q++) {
		int digit = is_digit(*q) ? *q - '0' : is_letter(*q) ? lower(*q) - 'a' + 10 : 99;
		if (digit >= base)
			break;
		value = value * base + digit;
	}
	if (q == digits)
		return (unsigned char)*(*p)++;
	*p = q < end && *q == ';' ? q + 1 : q;
	return value;
}

/* Behind a scheme (lower case, with its colon) at p, whatever is strewn into it; NULL. */
static const char *skip_scheme(const char *p, const char *end, const char *scheme)
{
	while (*scheme) {
		int c = take_url_char(&p, end);
		if (c < 0)
			return NULL;
		if (c <= ' ')
			continue;
		if (c > 0x7f || lower((char)c) != *scheme)
			return NULL;
		scheme++;
	}
	return p;
}

/* alert(1), x=1, (…), `…`, //…: code, where "The Good Parts" is none. */
static int is_code(const char *p, const char *end)
{
	p = skip_space(p, end);
	if (p < end && strchr("(`/['\"%+!{&\\", *p))
		return 1;
	while (p < end && (is_letter(*p) || is_digit(*p) || strchr("_$.", *p)))
		p++;
	return p < end && *p && strchr("(=[`;&%\\", *p);
}

static int is_script_url(const char *p, const char *end)
{
	static const char *const schemes[] = {"javascript:", "vbscript:", "livescript:"};
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		const char *behind = skip_scheme(p, end, schemes[i]);
		if (behind && is_code(behind, end))
			return 1;
	}
	static const char *const types[] = {"data:text/html", "data:image/svg+xml",
		"data:application/xhtml+xml", "data:text/xml"};
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (skip_scheme(p, end, types[i]))
			return 1;
	return 0;
}

/* --- elements -------------------------------------------------------------------------------- */
static int ends_name(const char *p, const char *end)
{
	return p == end || is_space(*p) || *p == '/' || *p == '>';
}

/* The element's name is enough. */
static int is_script_element(const char *p, const char *end)
{
	static const char *const names[] = {"script", "iframe", "frame", "frameset", "applet"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (has(p, end, names[i]) && ends_name(p + strlen(names[i]), end))
			return 1;
	return 0;
}

/* Elements that load something by one of these attributes: List<object> is none. */
static const struct loader {
	const char *name, *attribute;
} loaders[] = {{"object", "data"}, {"object", "type"}, {"object", "classid"}, {"embed", "src"},
	{"embed", "code"}, {"base", "href"}, {"meta", "http-equiv"}, {"link", "rel"},
	{"link", "href"}};
#define LOADER_COUNT (sizeof(loaders) / sizeof(loaders[0]))

static const char *loader_at(const char *p, const char *end)
{
	for (size_t i = 0; i < LOADER_COUNT; i++)
		if (has(p, end, loaders[i].name) && ends_name(p + strlen(loaders[i].name), end))
			return loaders[i].name;
	return NULL;
}

static int is_loading(const struct scan *s)
{
	for (size_t i = 0; s->element && i < LOADER_COUNT; i++)
		if (strcmp(s->element, loaders[i].name) == 0 &&
			has(s->p, s->end, loaders[i].attribute))
			return 1;
	return 0;
}

/* onerror=, behind whatever may stand before an attribute. */
static int is_handler(const char *p, const char *end)
{
	const char *q = p + 2;
	if (!has(p, end, "on"))
		return 0;
	while (q < end && q - p < 32 && is_letter(*q))
		q++;
	if (q - p < 5 || q - p > 30)
		return 0;
	q = skip_space(q, end);
	return q < end && *q == '=' && (q + 1 == end || q[1] != '=');
}

/* Within a tag: handlers, URLs, what loads. */
static const char *look_at_attribute(const struct scan *s)
{
	if (is_space(s->p[-1]) || strchr("/\"'", s->p[-1])) {
		if (is_handler(s->p, s->end))
			return "handler";
		if (is_loading(s))
			return "element";
	}
	if (*s->p != '=')
		return NULL;
	const char *value = skip_space(s->p + 1, s->end);
	if (value < s->end && (*value == '"' || *value == '\'' || *value == '`'))
		value++;
	return is_script_url(value, s->end) ? "url" : NULL;
}

/* Behind the name of the element, when it is one. */
static const char *look_at_tag(struct scan *s)
{
	const char *name = s->p + 1;
	while (name < s->end && (*name == '/' || *name == '\0'))
		name++;
	if (name == s->end || !is_letter(*name))
		return NULL;
	if (is_script_element(name, s->end))
		return "element";
	s->element = loader_at(name, s->end);
	s->is_in_tag = 1;
	return NULL;
}

/* --- out of an attribute or a script --------------------------------------------------------- */
static int is_event(const char *p, const char *end)
{
	static const char *const events[] = {"onabort", "onanimation", "onafter", "onauxclick",
		"onbefore", "onbegin", "onblur", "oncancel", "onchange", "onclick", "onclose",
		"oncontextmenu", "oncopy", "oncut", "ondblclick", "ondrag", "ondrop", "onend",
		"onerror", "onfocus", "onhashchange", "oninput", "oninvalid", "onkey", "onload",
		"onmessage", "onmouse", "onpage", "onpaste", "onplay", "onpointer", "onpopstate",
		"onpropertychange", "onreadystatechange", "onrepeat", "onreset", "onresize",
		"onscroll", "onsearch", "onselect", "onshow", "onstart", "onsubmit", "ontoggle",
		"ontouch", "ontransition", "onunload", "onunhandledrejection", "onwebkit",
		"onwheel"};
	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (has(p, end, events[i]))
			return is_handler(p, end);
	return 0;
}

/* Behind a quote, space and whatever attributes: " autofocus onfocus=, or nothing: "onfocus= */
static int breaks_into_tag(const struct scan *s)
{
	if ((*s->p == '"' || *s->p == '\'') && is_event(s->p + 1, s->end))
		return 1;
	return s->is_in_attributes && (is_space(s->p[-1]) || s->p[-1] == '/') &&
	       is_event(s->p, s->end);
}

/* ';alert(1)//, "-alert(1)-", '+document.cookie+': a quote, and then code of the script around it.
 */
static int breaks_into_script(const struct scan *s)
{
	static const char *const names[] = {"alert", "prompt", "confirm", "eval", "fetch",
		"document", "window", "location", "settimeout", "setinterval", "function",
		"constructor", "import", "self", "top", "parent", "globalthis", "atob"};
	const char *p = s->p + 1, *from = p;
	while (p < s->end && (is_space(*p) || strchr(";+-*,)]}|&^%!~(", *p)))
		p++;
	if (p == from)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!has(p, s->end, names[i]))
			continue;
		const char *q = skip_space(p + strlen(names[i]), s->end);
		if (q < s->end && *q && strchr("(`[.=", *q) && (*q != '.' || q + 1 < s->end) &&
			(*q != '.' || is_letter(q[1])))
			return 1;
	}
	return 0;
}

/* [text](javascript:...), url(javascript:...) */
static int opens_script_url(const struct scan *s)
{
	const char *p = skip_space(s->p + 1, s->end);
	if (p < s->end && (*p == '"' || *p == '\'' || *p == '<'))
		p++;
	return is_script_url(p, s->end);
}

/* {{constructor.constructor('...')()}}, constructor["constructor"] */
static int is_template_escape(const struct scan *s)
{
	return has(s->p, s->end, "constructor.constructor(") ||
	       has(s->p, s->end, "constructor[\"constructor\"]") ||
	       has(s->p, s->end, "constructor['constructor']");
}

static const char *look_here(struct scan *s)
{
	const char *shape = s->is_in_tag ? look_at_attribute(s) : NULL;
	if (shape)
		return shape;
	if (breaks_into_tag(s))
		return "attribute";
	switch (*s->p) {
	case '<':
		return look_at_tag(s);
	case '>':
		s->is_in_tag = 0;
		return NULL;
	case '"':
	case '\'':
	case '`':
		if (s->p + 1 < s->end && (is_space(s->p[1]) || s->p[1] == '/'))
			s->is_in_attributes = 1;
		return breaks_into_script(s) ? "script" : NULL;
	case '(':
		return opens_script_url(s) ? "url" : NULL;
	case 'c':
	case 'C':
		return is_template_escape(s) ? "template" : NULL;
	default:
		return NULL;
	}
}

const char *xss_attack(struct sluice_str value)
{
	struct scan s = {.p = value.p, .end = value.p + value.n};
	if (is_script_url(s.p, s.end))
		return "url";
	for (; s.p < s.end; s.p++) {
		const char *shape = look_here(&s);
		if (shape)
			return shape;
	}
	return NULL;
}
