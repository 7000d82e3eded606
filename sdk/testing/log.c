/* SPDX-License-Identifier: Apache-2.0 */
#include "testing/testing_priv.h"

#include "json/json.h"
#include "observe/log.h"

static struct str text_of(const struct json_value *line, struct str key)
{
	const struct json_value *v = json_get(line, key);
	return v && v->type == JSON_STRING ? v->u.string : STR_EMPTY;
}

static void add_line(struct buffer *out, struct str line)
{
	struct json_document *d;
	struct json_error error;
	if (json_parse(line, &d, &error) != RC_OK)
		return;
	buffer_addf(out, "%.*s: %.*s\n", STR_ARG(text_of(json_root(d), STR("level"))),
		STR_ARG(text_of(json_root(d), STR("message"))));
	json_free(d);
}

const char *sluice_test_log(struct sluice_test *t)
{
	struct buffer lines;
	buffer_init(&lines, 16u << 20);
	log_take(&lines);
	buffer_reset(&t->log);
	for (struct str rest = buffer_str(&lines); rest.n > 0;) {
		struct str line = str_cut(&rest, '\n');
		if (line.n > 0)
			add_line(&t->log, line);
	}
	buffer_deinit(&lines);
	buffer_add_char(&t->log, '\0');
	return t->log.p;
}
