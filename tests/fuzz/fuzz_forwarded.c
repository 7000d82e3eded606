/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links http base */
/* Any bytes as a list of proxies, and as a trace. Lists get shorter with each element, nodes are made
 * of an address' bytes, and an element that is put behind a list is what is read first. */
#include "base/check.h"
#include "http/forwarded.h"
#include "http/trace_context.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

typedef enum forwarded_step pop_fn(struct str *list, struct forwarded_hop *hop);

static void walk(struct str list, pop_fn *pop)
{
	struct forwarded_hop hop;
	for (size_t left = list.n; pop(&list, &hop) == FORWARDED_HOP; left = list.n) {
		CHECK(list.n < left);
		CHECK(hop.node.n > 0);
		for (size_t i = 0; i < hop.node.n; i++)
			CHECK(strchr("0123456789abcdefABCDEF.:", hop.node.p[i]));
	}
}

static void check_last(struct str list, const char *element, pop_fn *pop)
{
	struct forwarded_hop hop;
	size_t size = list.n + 64;
	char *text = malloc(size);
	CHECK(text);
	memcpy(text, list.p, list.n);
	snprintf(text + list.n, size - list.n, ",%s", element);
	struct str longer = {text, list.n + 1 + strlen(element)};
	CHECK(pop(&longer, &hop) == FORWARDED_HOP && str_eq(hop.node, STR("192.0.2.1")));
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str in = {(const char *)bytes, n}, id;
	if (n == 0)
		return 0;
	walk(in, forwarded_for_pop);
	walk(in, forwarded_pop);
	check_last(in, "192.0.2.1", forwarded_for_pop);
	check_last(in, "for=192.0.2.1", forwarded_pop);
	if (traceparent_is_valid(in, &id))
		CHECK(id.n == TRACE_ID_BYTES && id.p == in.p + 3);
	(void)tracestate_is_valid(in);
	return 0;
}
