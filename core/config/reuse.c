/* SPDX-License-Identifier: Apache-2.0 */
#include "config/reuse.h"

static void open_record(struct reuse *u, const struct config_options *options)
{
	if (record_open(&u->opened, options->record, u->program) != RC_OK)
		return;
	if (lookups_hold(&u->lookups, u->opened.lookups, options->getenv) && !u->lookups.has_failed) {
		u->record = &u->opened;
		return;
	}
	record_deinit(&u->opened);
	lookups_deinit(&u->lookups);
	lookups_init(&u->lookups);
}

void reuse_begin(struct reuse *u, const struct config_options *options)
{
	*u = (struct reuse){0};
	lookups_init(&u->lookups);
	bool is_wanted = options->record.n > 0 || options->record_out;
	u->has_program = is_wanted && record_program(u->program) == RC_OK;
	if (u->has_program && options->record.n > 0)
		open_record(u, options);
}

static void add_text(struct buffer *b, const char *text)
{
	buffer_add(b, str_n(text, strlen(text) + 1));
}

/* Of everything that a part may depend on, but what was asked for. */
static void digest_shared(struct reuse *u, const struct config_options *options,
	const struct sources *sources, const struct plugin_files *plugins)
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX / 2);
	buffer_add_char(&b, options->strict ? 's' : '-');
	for (size_t i = 0; i < plugins->count; i++) {
		const struct package *p = &plugins->items[i].package;
		add_text(&b, p->path);
		add_text(&b, p->name);
		buffer_add(&b, str_n((const char *)p->sha256, SHA256_BYTES));
	}
	for (size_t i = 0; i < sources->count; i++) {
		const struct source *s = &sources->items[i];
		if (s->is_apart)
			continue;
		add_text(&b, s->name);
		add_text(&b, s->path);
		buffer_add(&b, str_n((const char *)s->sha256, SHA256_BYTES));
	}
	sha256(buffer_str(&b), u->shared);
	buffer_deinit(&b);
}

void reuse_parts(struct reuse *u, const struct config_options *options,
	struct sources *sources, const struct plugin_files *plugins, struct part *parts)
{
	if (!u->has_program)
		return;
	digest_shared(u, options, sources, plugins);
	bool stands = u->record && !sources->incomplete &&
		      memcmp(u->record->shared, u->shared, SHA256_BYTES) == 0;
	for (size_t i = 0; i < sources->count; i++) {
		struct source *s = &sources->items[i];
		const struct record_entry *e =
			stands && s->is_known && s->is_apart
				? record_find(u->record, str_of(s->name))
				: NULL;
		s->is_known = e && part_open(&parts[i], e->part) == RC_OK;
	}
}

void reuse_end(struct reuse *u, const struct config_options *options,
	const struct sources *sources, const struct part *parts)
{
	bool can_be = u->has_program && !u->lookups.has_failed && !sources->incomplete;
	if (options->record_out && can_be)
		record_write(options->record_out, u->program, u->shared, &u->lookups, sources,
			parts);
}

void reuse_deinit(struct reuse *u)
{
	record_deinit(&u->opened);
	lookups_deinit(&u->lookups);
}
