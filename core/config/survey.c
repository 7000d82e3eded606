/* SPDX-License-Identifier: Apache-2.0 */
#include "config/survey.h"

#include "base/memory.h"

#include <stdio.h>
#include <stdlib.h>

/* Addresses of hosts are shorter. */
#define PORT_KEY_BYTES 320

void survey_init(struct survey *s)
{
	*s = (struct survey){0};
	map_init(&s->ids);
	map_init(&s->service_ids);
	map_init(&s->port_keys);
	map_init(&s->plugin_texts);
}

void survey_deinit(struct survey *s)
{
	for (size_t i = 0; i < s->port_count; i++)
		map_deinit(&s->ports[i].base_paths);
	map_deinit(&s->ids);
	map_deinit(&s->service_ids);
	map_deinit(&s->port_keys);
	map_deinit(&s->plugin_texts);
	free(s->ports);
	free(s->plugins);
	free(s->apis);
	*s = (struct survey){0};
}

/* --- reading rows ---------------------------------------------------------------------------- */

static bool read_text(struct str *row, struct str *text)
{
	struct part_value v;
	if (!part_read_value(row, &v) || !v.is_text)
		return false;
	*text = v.text;
	return true;
}

static bool read_number(struct str *row, double *number)
{
	struct part_value v;
	if (!part_read_value(row, &v) || v.is_text)
		return false;
	*number = v.number;
	return true;
}

static bool read_index(struct str *row, uint32_t *index)
{
	double number;
	if (!read_number(row, &number) || !(number >= 0 && number <= UINT32_MAX))
		return false;
	*index = (uint32_t)number;
	return *index == number;
}

/* A count, and what is behind it: so many times `each` values, which it passes. */
static bool read_list(struct str *row, uint32_t each, uint32_t *count, struct str *list)
{
	struct part_value v;
	if (!read_index(row, count))
		return false;
	*list = *row;
	for (uint64_t i = 0; i < (uint64_t)*count * each; i++)
		if (!part_read_value(row, &v))
			return false;
	list->n -= row->n;
	return true;
}

/* What stands in a row, but for what nothing depends on. */
struct row {
	struct str id, plugins, base_path;
	struct survey_port port;
	struct survey_api api;
};

static bool read_row(struct str *rows, struct row *r)
{
	struct str name;
	double number;
	uint32_t values;
	struct survey_port *p = &r->port;
	struct survey_api *a = &r->api;
	*r = (struct row){0};
	return part_read_count(rows, &values) && read_text(rows, &r->id) &&
	       read_text(rows, &name) && read_text(rows, &a->space) && read_text(rows, &p->file) &&
	       read_number(rows, &number) && read_number(rows, &number) &&
	       read_number(rows, &p->line) && read_number(rows, &p->column) &&
	       read_text(rows, &p->scheme) && read_text(rows, &p->host) &&
	       read_number(rows, &p->port) && read_text(rows, &r->base_path) &&
	       read_text(rows, &r->plugins) && read_index(rows, &a->fragment) &&
	       read_list(rows, 2, &a->label_count, &a->labels) &&
	       read_list(rows, 5, &a->service_count, &a->services) &&
	       read_list(rows, 1, &a->use_count, &a->uses) &&
	       values == 17 + (uint64_t)a->label_count * 2 + (uint64_t)a->service_count * 5 +
				 a->use_count;
}

/* Of one service of an API. */
static bool read_service(struct str *list, struct str *id, uint32_t *fragment)
{
	struct str name;
	double number;
	return read_text(list, id) && read_text(list, &name) && read_number(list, &number) &&
	       read_number(list, &number) && read_index(list, fragment);
}

/* --- what has to agree ----------------------------------------------------------------------- */

/* False: it is there already. */
static bool add_new(struct map *m, struct str key, size_t value)
{
	return map_put(m, key, (void *)(uintptr_t)value) == NULL;
}

bool survey_add_service(struct survey *s, struct str id)
{
	return add_new(&s->service_ids, id, s->service_ids.count + 1);
}

static bool add_services(struct survey *s, const struct survey_api *a)
{
	struct str list = a->services, id;
	uint32_t fragment;
	for (uint32_t i = 0; i < a->service_count; i++)
		if (!read_service(&list, &id, &fragment) || !survey_add_service(s, id))
			return false;
	return true;
}

static size_t add_port(struct survey *s, const struct survey_port *p, struct str key)
{
	s->ports = heap_realloc(s->ports, (s->port_count + 1) * sizeof(*p));
	s->ports[s->port_count] = *p;
	map_init(&s->ports[s->port_count].base_paths);
	map_put(&s->port_keys, key, (void *)(uintptr_t)++s->port_count);
	return s->port_count;
}

/* On its port, where no other has its base path. The tls of https is another document's. */
static bool join_port(struct survey *s, const struct row *r)
{
	char text[PORT_KEY_BYTES];
	int n = snprintf(text, sizeof(text), "%.*s|%.14g", STR_ARG(r->port.host), r->port.port);
	if (!str_eq(r->port.scheme, STR("http")) || n < 0 || (size_t)n >= sizeof(text))
		return false;
	struct str key = str_n(text, (size_t)n);
	size_t number = (uintptr_t)map_get(&s->port_keys, key);
	if (number == 0) {
		struct survey_port port = r->port;
		port.api = r->id;
		number = add_port(s, &port, key);
	}
	return add_new(&s->ports[number - 1].base_paths, r->base_path, number);
}

static void note_plugins(struct survey *s, struct str text)
{
	if (map_get(&s->plugin_texts, text))
		return;
	map_put(&s->plugin_texts, text, s);
	s->plugins = heap_realloc(s->plugins, (s->plugin_count + 1) * sizeof(*s->plugins));
	s->plugins[s->plugin_count++] = text;
}

static void add_api(struct survey *s, const struct survey_api *a)
{
	if (s->api_count == s->api_capacity) {
		s->api_capacity = s->api_capacity ? s->api_capacity * 2 : 256;
		s->apis = heap_realloc(s->apis, s->api_capacity * sizeof(*a));
	}
	s->apis[s->api_count++] = *a;
}

static bool take_part(struct survey *s, const struct part *p, uint32_t place)
{
	struct str rows = p->rows;
	struct row r;
	for (uint32_t i = 0; i < p->row_count; i++) {
		if (!read_row(&rows, &r))
			return false;
		r.api.part = place;
		if (!add_new(&s->ids, r.id, 1) || !add_services(s, &r.api) || !join_port(s, &r))
			return false;
		note_plugins(s, r.plugins);
		add_api(s, &r.api);
	}
	return rows.n == 0;
}

static bool has_uses(const struct survey *s, const struct survey_api *a)
{
	struct str list = a->uses, id;
	for (uint32_t i = 0; i < a->use_count; i++)
		if (!read_text(&list, &id) || !survey_has_service(s, id))
			return false;
	return true;
}

bool survey_take(struct survey *s, const struct part *parts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (parts[i].fragment_count > 0 && !take_part(s, &parts[i], (uint32_t)i))
			return false;
	for (size_t i = 0; i < s->api_count; i++)
		if (!has_uses(s, &s->apis[i]))
			return false;
	return true;
}

/* --- asking ---------------------------------------------------------------------------------- */

bool survey_has_api(const struct survey *s, struct str id)
{
	return map_get(&s->ids, id) != NULL;
}

bool survey_has_service(const struct survey *s, struct str id)
{
	return map_get(&s->service_ids, id) != NULL;
}

static bool has_label(const struct survey_api *a, struct str wanted, struct str value)
{
	struct str list = a->labels, name, text;
	for (uint32_t i = 0; i < a->label_count; i++)
		if (!read_text(&list, &name) || !read_text(&list, &text))
			return false;
		else if (str_eq(name, wanted))
			return str_eq(text, value);
	return false;
}

bool survey_selects(
	const struct survey *s, struct str space, const struct str *labels, size_t count)
{
	for (size_t i = 0; i < s->api_count; i++) {
		const struct survey_api *a = &s->apis[i];
		bool is_selected = space.n == 0 || str_eq(space, a->space);
		for (size_t k = 0; k < count && is_selected; k++)
			is_selected = has_label(a, labels[2 * k], labels[2 * k + 1]);
		if (is_selected)
			return true;
	}
	return false;
}

int64_t survey_service(const struct survey *s, struct str id)
{
	return (int64_t)(uintptr_t)map_get(&s->service_ids, id) - 1;
}

int64_t survey_port(const struct survey *s, struct str key)
{
	return (int64_t)(uintptr_t)map_get(&s->port_keys, key) - 1;
}

bool survey_each_place(const struct survey *s, survey_place_fn *fn, void *arg)
{
	struct str id;
	uint32_t fragment;
	for (size_t i = 0; i < s->api_count; i++) {
		const struct survey_api *a = &s->apis[i];
		struct str list = a->services;
		for (uint32_t k = 0; k < a->service_count; k++)
			if (!read_service(&list, &id, &fragment) ||
				!fn(arg, a->part, fragment, false, (uint32_t)survey_service(s, id)))
				return false;
		if (!fn(arg, a->part, a->fragment, true, (uint32_t)i))
			return false;
	}
	return true;
}
