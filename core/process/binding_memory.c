/* SPDX-License-Identifier: Apache-2.0 */
#include "process/binding_memory.h"

#include "base/limits.h"
#include "observe/metrics.h"
#include "policy/chain_build.h"
#include "policy/instance.h"

#include <inttypes.h>

#define NAME "sluice_binding_memory_bytes"

struct rest {
	uint64_t bytes;
	size_t printed;
	bool is_more;
};

static void print_row(
	struct buffer *out, struct str api, struct str policy, struct str binding, uint64_t bytes)
{
	const struct metric_label labels[] = {
		{STR("api"), api}, {STR("policy"), policy}, {STR("binding"), binding}};
	buffer_add(out, STR(NAME));
	metrics_print_labels(out, labels, 3);
	buffer_addf(out, " %" PRIu64 "\n", bytes);
}

static void print_api(const struct api *api, struct buffer *out, struct rest *rest)
{
	size_t count = api->chain ? chain_count(api->chain) : 0;
	for (size_t i = 0; i < count; i++) {
		const struct sluice_instance *instance =
			chain_binding_instance(chain_binding_at(api->chain, i));
		uint64_t bytes = instance_bytes_used(instance);
		if (rest->printed < LIMIT_BINDINGS_MEASURED) {
			rest->printed++;
			print_row(out, str_of(api->id), instance_policy(instance),
				instance_binding(instance), bytes);
		} else {
			rest->is_more = true;
			rest->bytes += bytes;
		}
	}
}

void binding_memory_print(const struct generation *current, struct buffer *out)
{
	struct rest rest = {0};
	buffer_addf(out, "# HELP " NAME " What a policy's binding holds of the heap\n"
			 "# TYPE " NAME " gauge\n");
	for (size_t i = 0; current && i < current->api_count; i++)
		if (current->apis[i])
			print_api(current->apis[i], out, &rest);
	if (rest.is_more)
		print_row(out, STR("other"), STR("other"), STR("other"), rest.bytes);
}
