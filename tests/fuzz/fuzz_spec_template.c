/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links base */
/* fuzz: compiles plugins/spec-validation/template.c plugins/spec-validation/memory.c */
/* Lines are path templates, the last one a path. What is found is a template that the path fits:
 * its literals and the values between them are the path again; and where some template is the path
 * itself, letter for letter, that one is found. */
#include "plugin_host.h"

#include "spec-validation/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define TEMPLATES_MAX 32

/* Whether the template with the values in the places of its braces is the path. */
static int is_path(
	struct sluice_str template, const struct template_values *values, struct sluice_str path)
{
	size_t at = 0, k = 0;
	for (size_t i = 0; i < template.n; i++) {
		if (template.p[i] != '{') {
			if (at == path.n || path.p[at++] != template.p[i])
				return 0;
			continue;
		}
		const struct sluice_str *v = &values->items[k++];
		if (k > values->count || v->n == 0 || path.n - at < v->n ||
			memcmp(path.p + at, v->p, v->n) != 0 || memchr(v->p, '/', v->n))
			return 0;
		at += v->n;
		i = (size_t)((const char *)memchr(template.p + i, '}', template.n - i) -
			     template.p);
	}
	return at == path.n && k == values->count;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct sluice_str rest = {(const char *)bytes, n}, templates[TEMPLATES_MAX], path = {0};
	struct pool pool = {.host = &fuzz_host};
	struct template_node root = {0};
	struct template_values names, values;
	size_t count = 0;
	if (n == 0 || n > 2048)
		return 0;
	while (rest.p) {
		const char *why = NULL;
		path = str_cut(&rest, '\n');
		if (!rest.p || count == TEMPLATES_MAX || path.n == 0 || path.p[0] != '/')
			continue;
		struct template_node *node = template_add(&pool, &root, path, &names, &why);
		CHECK(node || why);
		if (!node || node->item)
			continue;
		templates[count] = path;
		node->item = &templates[count++];
	}
	if (path.n && path.p[0] == '/') {
		const struct sluice_str *found = template_find(&root, path, &values);
		CHECK(!found || is_path(*found, &values, path));
		for (size_t i = 0; i < count; i++)
			if (str_equal(templates[i], path) && !memchr(path.p, '{', path.n))
				CHECK(found == &templates[i]);
	}
	pool_free(&pool);
	return 0;
}
