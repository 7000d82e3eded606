/* SPDX-License-Identifier: Apache-2.0 */
#include "body.h"

#include "util/content.h"

#include <stdio.h>
#include <string.h>

#define FORM_BYTES_MAX (8u << 20)

/* --- the head -------------------------------------------------------------------------------- */
/* How well a media type fits a range: 0 not, 1 any, 2 its type, 3 itself. */
static int fit(struct sluice_str range, struct sluice_str type)
{
	size_t n = range.n;
	if (content_equal(range, type))
		return 3;
	if (str_equal(range, SLUICE_STR("*/*")) || str_equal(range, SLUICE_STR("*")))
		return 1;
	if (n < 3 || range.p[n - 1] != '*' || range.p[n - 2] != '/' || type.n < n)
		return 0;
	return content_equal(
		       (struct sluice_str){range.p, n - 1}, (struct sluice_str){type.p, n - 1})
		       ? 2
		       : 0;
}

static const struct media *find_media(const struct operation *o, struct sluice_str type)
{
	const struct media *best = NULL;
	int best_fit = 0;
	for (size_t i = 0; i < o->media_count; i++) {
		int here = fit(o->media[i].type, type);
		if (here > best_fit) {
			best = &o->media[i];
			best_fit = here;
		}
	}
	return best;
}

/* The one Content-Type: of two, the upstream might believe the other. */
static int content_type(const struct check *c, struct sluice_str *type)
{
	struct sluice_str second, name = SLUICE_STR("content-type");
	uint32_t at = 0;
	const struct sluice_host *host = c->call->host;
	return host->field_next(c->exchange, SLUICE_REQUEST, name, &at, NULL, type) == SLUICE_OK &&
	       host->field_next(c->exchange, SLUICE_REQUEST, name, &at, NULL, &second) != SLUICE_OK;
}

/* Under a range, a schema that wants an object is not met by naming a type in which there are none:
 * the upstream may read it as JSON all the same. */
static enum body_verdict judge_other(struct check *c, const struct media *m)
{
	uint32_t types = c->spec->service->types(m->schema);
	int is_range = m->type.n && m->type.p[m->type.n - 1] == '*';
	if (!is_range || types == 0 || (types & SLUICE_SCHEMA_STRING))
		return BODY_PASS;
	complain(c->complaint, "body (its media type cannot hold what the schema wants)");
	return BODY_UNFIT;
}

static enum body_verdict judge_type(struct check *c, const struct media **media)
{
	static const char *const charsets[] = {"utf-8", "utf8", "us-ascii", NULL};
	struct sluice_str type;
	if (!content_type(c, &type)) {
		complain(c->complaint, "body (one Content-Type is required)");
		return BODY_UNFIT;
	}
	const struct media *m = find_media(c->operation, content_essence(type));
	if (!m) {
		complain(c->complaint, "body (its media type is not in the description)");
		return BODY_UNFIT;
	}
	uint32_t kind = content_kind_of(type);
	if (!m->schema || (kind & (CONTENT_XML | CONTENT_MULTIPART)))
		return BODY_PASS;
	if (!(kind & (CONTENT_JSON | CONTENT_FORM)))
		return judge_other(c, m);
	if (content_is_encoded(c->call->host, c->exchange, SLUICE_REQUEST))
		return BODY_ENCODED;
	if (!content_charset_is(c->call->host, c->exchange, SLUICE_REQUEST, charsets)) {
		complain(c->complaint, "body (its charset is not UTF-8)");
		return BODY_UNFIT;
	}
	*media = m;
	return BODY_CHECK;
}

enum body_verdict body_judge_head(struct check *c, int is_strict, const struct media **media)
{
	const struct operation *o = c->operation;
	if (c->call->host->body_length(c->exchange, SLUICE_REQUEST) == 0) {
		if (!o->body_is_required)
			return BODY_PASS;
		complain(c->complaint, "body (required)");
		return BODY_UNFIT;
	}
	if (o->has_body)
		return judge_type(c, media);
	if (!is_strict)
		return BODY_PASS;
	complain(c->complaint, "body (the description has none)");
	return BODY_UNFIT;
}

/* --- the content ----------------------------------------------------------------------------- */
static int judge(struct check *c, const struct media *media, struct sluice_str json)
{
	struct sluice_schema_problem problem = {.size = sizeof(problem)};
	int32_t rc = c->spec->service->check(media->schema, c->exchange, json, &problem);
	if (rc == SLUICE_OK)
		return 1;
	if (rc == SLUICE_E_RUNTIME)
		complain(c->complaint, "body (not JSON: byte %llu)",
			(unsigned long long)problem.offset);
	else if (rc == SLUICE_E_INVALID)
		complain(c->complaint, "body%s%.*s (%.*s)", problem.pointer.n ? " " : "",
			(int)(problem.pointer.n < 200 ? problem.pointer.n : 200), problem.pointer.p,
			(int)problem.keyword.n, problem.keyword.p);
	else
		return -1;
	return 0;
}

static int judge_form(struct check *c, const struct media *media, struct sluice_str bytes)
{
	struct pairs pairs;
	struct complaint first = {.n = 0};
	int fits = 0;
	if (!pairs_parse(c->call, c->exchange, bytes, &pairs))
		return -1;
	for (int strings_only = 0; strings_only < 2 && fits == 0; strings_only++) {
		struct text json;
		text_init(&json, c->call, FORM_BYTES_MAX);
		fits = pairs_to_json(c, media->schema, &pairs, strings_only, &json)
			       ? judge(c, media, text_str(&json))
			       : -1;
		text_deinit(&json);
		if (fits == 0 && strings_only)
			*c->complaint = first;
		first = *c->complaint;
	}
	return fits;
}

int body_check(struct check *c, const struct media *media, struct sluice_str bytes)
{
	struct sluice_str type = SLUICE_STR("");
	c->call->host->field_get(c->exchange, SLUICE_REQUEST, SLUICE_STR("content-type"), &type);
	if (bytes.n == 0) {
		complain(c->complaint, "body (required)");
		return !c->operation->body_is_required;
	}
	return content_kind_of(type) == CONTENT_FORM ? judge_form(c, media, bytes)
						     : judge(c, media, bytes);
}
