/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/injection-protection/inputs.c plugins/injection-protection/decode.c */
/* fuzz: compiles plugins/injection-protection/sql.c plugins/injection-protection/sql_condition.c */
/* fuzz: compiles plugins/injection-protection/sql_tokens.c plugins/injection-protection/xss.c */
/* fuzz: compiles sdk/util/content.c */
/* The first byte chooses how the rest comes: as a body of some media type, or as a target. Whatever
 * it is, the walk ends, and the values that it gives out are bounded by the size of the input. And
 * a value that is written as a format wants it is given out as it was, so that nobody hides one by
 * writing. */
#include "plugin_host.h"

#include "injection-protection/inputs.h"
#include "injection-protection/sql.h"
#include "injection-protection/xss.h"
#include "util/content.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char *const types[] = {"application/json", "application/xml",
	"application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain",
	"multipart/mixed; boundary=\"-\"", "text/xml, application/json", "application/octet-stream",
	""};
#define TYPES (sizeof(types) / sizeof(types[0]))

struct seen {
	struct sluice_str wanted; /* p NULL: nothing */
	size_t bytes;
	int was_seen;
};

static int look(void *arg, enum input input, struct sluice_str value)
{
	struct seen *s = arg;
	CHECK(value.n > 0 && value.p);
	s->bytes += value.n;
	s->was_seen |=
		s->wanted.p && value.n == s->wanted.n && memcmp(value.p, s->wanted.p, value.n) == 0;
	return 0;
}

/* What is judged is judged the same way again, and no letter of it is read beyond its end. */
static int judge(void *arg, enum input input, struct sluice_str value)
{
	char *exact = malloc(value.n);
	CHECK(exact);
	memcpy(exact, value.p, value.n);
	struct sluice_str copy = {exact, value.n};
	CHECK(sql_injection(value) == sql_injection(copy));
	CHECK(xss_attack(value) == xss_attack(copy));
	free(exact);
	return look(arg, input, value);
}

static void walk(struct seen *s, const char *type, struct sluice_str text,
	int (*fn)(void *, enum input, struct sluice_str))
{
	struct inputs in = {.call = &fuzz_call, .judge = fn, .arg = s};
	fuzz_exchange.content_type = (struct sluice_str){type, strlen(type)};
	uint32_t kinds = content_kinds(&fuzz_host, NULL, SLUICE_REQUEST);
	inputs_head_is_clear(&fuzz_host, NULL, kinds);
	inputs_body_is_clear(kinds, text);
	CHECK(inputs_of_body(&in, kinds, text) == 0);
	CHECK(inputs_of_headers(&in) == 0);
	inputs_deinit(&in);
	fuzz_exchange_end();
}

static void walk_target(struct seen *s, struct sluice_str text)
{
	struct inputs in = {.call = &fuzz_call, .judge = judge, .arg = s};
	const char *question = text.n ? memchr(text.p, '?', text.n) : NULL;
	fuzz_exchange.target = text;
	if (question)
		fuzz_exchange.query =
			(struct sluice_str){question + 1, text.n - (size_t)(question + 1 - text.p)};
	CHECK(inputs_of_target(&in) == 0);
	inputs_deinit(&in);
	fuzz_exchange_end();
}

/* --- values as formats want them ------------------------------------------------------------- */
struct writing {
	char *p;
	size_t n;
};

static void put(struct writing *w, const char *text)
{
	size_t n = strlen(text);
	memcpy(w->p + w->n, text, n);
	w->n += n;
}

/* Each byte as two hexadecimal digits, between what stands before and behind it. */
static void put_each(
	struct writing *w, struct sluice_str value, const char *before, const char *behind)
{
	static const char digits[] = "0123456789aBcDeF";
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		put(w, before);
		w->p[w->n++] = digits[c >> 4];
		w->p[w->n++] = digits[c & 15];
		put(w, behind);
	}
}

static void expect(const char *type, const struct writing *w, struct sluice_str value)
{
	struct seen s = {.wanted = value};
	char *exact = malloc(w->n);
	CHECK(exact);
	memcpy(exact, w->p, w->n);
	walk(&s, type, (struct sluice_str){exact, w->n}, look);
	CHECK(s.was_seen);
	free(exact);
}

static int is_ascii(struct sluice_str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] & 0x80)
			return 0;
	return 1;
}

/* Everything of it that could end a part. */
static int has_delimiter(struct sluice_str value)
{
	return memmem(value.p, value.n, "--b", 3) != NULL;
}

static void write_all(struct sluice_str value)
{
	struct writing w = {.p = malloc(8 * value.n + 256)};
	CHECK(w.p);
	put(&w, "a=b&c=");
	put_each(&w, value, "%", "");
	put(&w, "&d=e");
	expect(types[2], &w, value);
	w.n = 0;
	if (is_ascii(value)) {
		put(&w, "{\"a\":[\"it's\",\"");
		put_each(&w, value, "\\u00", "");
		put(&w, "\"],\"b\":1}");
		expect(types[0], &w, value);
		w.n = 0;
		put(&w, "<a><!-- it's --><b c='d'>");
		put_each(&w, value, "&#x", ";");
		put(&w, "</b></a>");
		expect(types[1], &w, value);
		w.n = 0;
	}
	if (!has_delimiter(value)) {
		put(&w, "--b\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\nit's\r\n"
			"--b\r\nContent-Disposition: form-data; name=\"y\"\r\n\r\n");
		memcpy(w.p + w.n, value.p, value.n);
		w.n += value.n;
		put(&w, "\r\n--b--\r\n");
		expect(types[3], &w, value);
	}
	free(w.p);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct seen s = {.bytes = 0};
	if (n < 2 || n > 4096)
		return 0;
	size_t how = bytes[0] % (TYPES + 2);
	struct sluice_str text = {(const char *)bytes + 1, n - 1};
	if (how < TYPES)
		walk(&s, types[how], text, judge);
	else if (how == TYPES)
		walk_target(&s, text);
	else
		write_all(text);
	CHECK(s.bytes <= 64 * (n + 64));
	return 0;
}
