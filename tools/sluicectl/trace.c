/* SPDX-License-Identifier: Apache-2.0 */
#include "sluicectl/trace.h"

#include "json/json.h"
#include "sluicectl/admin_client.h"
#include "sluicectl/outline.h"

#include <stdio.h>

#define LINE_BYTES_MAX (1u << 20)

enum { EXIT_SHOWN = 0, EXIT_REFUSED = 1, EXIT_UNREACHABLE = 3 };

struct follower {
	bool json;
	bool has_ended;
	struct buffer line; /* what has come of the next */
};

/* --- to be read ------------------------------------------------------------------------------ */

/* What a request or an upstream said does not drive the terminal. */
static void put(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_c1 = c == 0xc2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xa0;
		putchar(c < 0x20 || c == 0x7f || is_c1 ? '?' : c);
		i += is_c1;
	}
}

static struct str text_of(const struct json_value *v, const char *key)
{
	const struct json_value *member = json_get(v, str_of(key));
	return member && member->type == JSON_STRING ? member->u.string : STR_EMPTY;
}

static void put_scalar(const struct json_value *v)
{
	if (v->type == JSON_STRING)
		put(v->u.string);
	else if (v->type == JSON_INTEGER)
		printf("%lld", (long long)v->u.integer);
	else if (v->type == JSON_REAL)
		printf("%.3f", v->u.real);
	else if (v->type == JSON_BOOL)
		fputs(v->u.boolean ? "true" : "false", stdout);
}

static void put_names(const struct json_value *object, const char *key, char sign)
{
	const struct json_value *list = json_get(object, str_of(key));
	for (uint32_t i = 0; list && list->type == JSON_ARRAY && i < list->u.array.count; i++) {
		printf(" %c", sign);
		put_scalar(&list->u.array.items[i]);
	}
}

static void put_list(const struct json_value *list)
{
	for (uint32_t i = 0; i < list->u.array.count; i++) {
		const struct json_value *item = &list->u.array.items[i];
		fputs(i > 0 ? ", " : " ", stdout);
		if (item->type != JSON_OBJECT) {
			put_scalar(item);
			continue;
		}
		put(text_of(item, "route"));
		fputs(": ", stdout);
		put(text_of(item, "verdict"));
	}
}

/* "name value", a list, or what became of fields: "+added -removed ~changed". */
static void put_member(const struct json_member *m)
{
	if (str_eq(m->key, STR("us")) || str_eq(m->key, STR("event")))
		return;
	fputs("  ", stdout);
	put(m->key);
	if (m->value.type == JSON_OBJECT) {
		put_names(&m->value, "added", '+');
		put_names(&m->value, "removed", '-');
		put_names(&m->value, "changed", '~');
	} else if (m->value.type == JSON_ARRAY) {
		put_list(&m->value);
	} else {
		putchar(' ');
		put_scalar(&m->value);
	}
}

static void put_event(const struct json_value *event)
{
	const struct json_value *us = json_get(event, STR("us"));
	struct str name = text_of(event, "event");
	if (event->type != JSON_OBJECT)
		return;
	printf("  %9lld us  %-9.*s",
		us && us->type == JSON_INTEGER ? (long long)us->u.integer : 0LL, STR_ARG(name));
	for (uint32_t i = 0; i < event->u.object.count; i++)
		put_member(&event->u.object.members[i]);
	putchar('\n');
}

static void put_story(const struct json_value *story, const struct json_value *record)
{
	static const char *const first[] = {"time", "method", "target", "status", "reason"};
	const struct json_value *events = json_get(story, STR("events"));
	for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
		const struct json_value *v = json_get(record, str_of(first[i]));
		if (i > 0)
			putchar(' ');
		if (v)
			put_scalar(v);
	}
	fputs("  id ", stdout);
	put(text_of(record, "requestId"));
	if (json_get(story, STR("unfinished")))
		fputs("  (not finished yet)", stdout);
	putchar('\n');
	for (uint32_t i = 0; events && events->type == JSON_ARRAY && i < events->u.array.count; i++)
		put_event(&events->u.array.items[i]);
	if (json_get(story, STR("cut")))
		puts("  more happened than a story has room for");
	printf("  record ");
	for (uint32_t i = 0; record->type == JSON_OBJECT && i < record->u.object.count; i++)
		put_member(&record->u.object.members[i]);
	fputs("\n\n", stdout);
}

static long long number_of(const struct json_value *v, const char *key)
{
	const struct json_value *member = json_get(v, str_of(key));
	return member && member->type == JSON_INTEGER ? member->u.integer : 0;
}

static void put_end(const struct json_value *end)
{
	struct str why = text_of(end, "end");
	fprintf(stderr, "%lld requests told; the trace has ended: %.*s\n", number_of(end, "told"),
		STR_ARG(why));
	if (number_of(end, "missed") > 0)
		fprintf(stderr, "%lld more matched, too many at once to be followed\n",
			number_of(end, "missed"));
}

static void put_value(const struct json_value *v)
{
	const struct json_value *record = json_get(v, STR("record"));
	if (record)
		put_story(v, record);
	else if (json_get(v, STR("begin")))
		fprintf(stderr, "following %lld requests for %lld s; Ctrl-C ends it\n",
			number_of(v, "count"), number_of(v, "seconds"));
	else if (json_get(v, STR("end")))
		put_end(v);
}

/* --- what comes ------------------------------------------------------------------------------ */
static void take_line(struct follower *f, struct str line)
{
	struct json_document *document;
	struct json_error error;
	f->has_ended |= str_starts(line, STR("{\"end\""));
	if (f->json || json_parse(line, &document, &error) != RC_OK) {
		fwrite(line.p, 1, line.n, stdout);
		putchar('\n');
		return;
	}
	put_value(json_root(document));
	json_free(document);
}

static bool on_bytes(void *owner, struct str bytes)
{
	struct follower *f = owner;
	while (bytes.n > 0) {
		size_t n = str_index(bytes, '\n');
		buffer_add(&f->line, str_slice(bytes, 0, n));
		if (n == bytes.n)
			break;
		if (f->line.n > 0) /* else the gateway only looks whether somebody is there */
			take_line(f, buffer_str(&f->line));
		buffer_reset(&f->line);
		bytes = str_from(bytes, n + 1);
	}
	return fflush(stdout) == 0 && !f->line.failed;
}

static void add_parameter(struct buffer *path, const char *name, const char *value)
{
	if (!value)
		return;
	buffer_addf(path, "%c%s=", str_index(buffer_str(path), '?') < path->n ? '&' : '?', name);
	admin_add_escaped(path, str_of(value));
}

static void make_path(struct buffer *path, const struct trace_options *o)
{
	char seconds[16];
	buffer_init(path, SIZE_MAX);
	buffer_add(path, STR("/trace"));
	add_parameter(path, "api", o->api);
	add_parameter(path, "path", o->path);
	add_parameter(path, "client", o->client);
	add_parameter(path, "header", o->header);
	add_parameter(path, "count", o->count);
	snprintf(seconds, sizeof(seconds), "%u", o->seconds);
	add_parameter(path, "seconds", o->seconds > 0 ? seconds : NULL);
	buffer_add_char(path, '\0');
}

static void put_refusal(struct str body, bool json)
{
	struct buffer outline;
	buffer_init(&outline, LINE_BYTES_MAX);
	bool is_read = !json && outline_of_json(body, &outline) == RC_OK;
	struct str text = is_read ? buffer_str(&outline) : body;
	fwrite(text.p, 1, text.n, stderr);
	buffer_deinit(&outline);
}

int trace_run(const char *socket_path, const struct trace_options *o)
{
	char error[ADMIN_ERROR_BYTES];
	struct buffer path;
	struct follower f = {.json = o->json};
	struct admin_answer refusal;
	make_path(&path, o);
	buffer_init(&f.line, LINE_BYTES_MAX);
	enum rc rc = admin_follow(socket_path, path.p, on_bytes, &f, &refusal, error);
	int code = rc != RC_OK ? EXIT_UNREACHABLE : f.has_ended ? EXIT_SHOWN : EXIT_REFUSED;
	if (rc != RC_OK)
		fprintf(stderr, "sluicectl: %s\n", error);
	else if (refusal.status != 200)
		put_refusal(buffer_str(&refusal.body), o->json);
	else if (!f.has_ended)
		fputs("sluicectl: the gateway has gone\n", stderr);
	buffer_deinit(&refusal.body);
	buffer_deinit(&f.line);
	buffer_deinit(&path);
	return code;
}
