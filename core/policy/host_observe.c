/* SPDX-License-Identifier: Apache-2.0 */
/* policy/host_observe.c - what policies have to say, and what they count.
 *
 * A counter is one series per binding: the instance of the next generation goes on with the values
 * of the one before. */
#include "base/memory.h"
#include "observe/log.h"
#include "policy/chain.h"
#include "policy/host_priv.h"
#include "policy/secrets.h"

#include <stdio.h>
#include <stdlib.h>

#define COUNTERS_MAX           32
#define COUNTER_NAME_BYTES_MAX 48

_Static_assert((int)SLUICE_LOG_DEBUG == LOG_DEBUG && (int)SLUICE_LOG_INFO == LOG_INFO &&
		       (int)SLUICE_LOG_WARN == LOG_WARN && (int)SLUICE_LOG_ERROR == LOG_ERROR,
	"a sluice_log_level is a log_level");

/* --- log ------------------------------------------------------------------------------------- */
void policy_log(struct sluice_instance *i, const struct sluice_exchange *x,
	enum sluice_log_level level, struct str message)
{
	enum log_level own = (unsigned)level > LOG_ERROR ? LOG_ERROR : (enum log_level)level;
	if (!log_is_on(own))
		return;
	struct buffer masked;
	const struct log_field fields[] = {
		{"binding", str_of(i->binding)},
		{"policy", str_of(i->policy->name)},
		{"requestId", x ? x->request_id : STR_EMPTY},
		{"traceId", x ? x->trace_id : STR_EMPTY},
	};
	buffer_init(&masked, 4 * message.n + 64);
	log_write_fields(own, x ? secrets_masked(x, message, &masked) : message, fields,
		ARRAY_COUNT(fields));
	buffer_deinit(&masked);
}

void host_log(struct sluice_instance *i, struct sluice_exchange *x, enum sluice_log_level level,
	struct sluice_str message)
{
	if (!host_allows_instance(i, HOST_log)) {
		host_refuse(HOST_log);
		return;
	}
	/* Another exchange than the one that runs may be gone: its line has no request id. */
	policy_log(i, x == policy_thread.exchange ? x : NULL, level, str_in(message));
}

/* --- counters -------------------------------------------------------------------------------- */
static bool counter_name_is_valid(struct str name)
{
	if (name.n == 0 || name.n > COUNTER_NAME_BYTES_MAX || name.p[0] < 'a' || name.p[0] > 'z')
		return false;
	for (size_t i = 1; i < name.n; i++) {
		char c = name.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'))
			return false;
	}
	return true;
}

/* The binding's series of that name, with a reference; NULL: the name stands for something else. */
static struct metric_series *counter_series(
	struct metrics *metrics, struct str name, struct str description, struct str binding)
{
	char family_name[COUNTER_NAME_BYTES_MAX + 32];
	snprintf(family_name, sizeof(family_name), "sluice_policy_%.*s_total", STR_ARG(name));
	char *help = heap_strndup(description);
	struct metric_family *family =
		metrics_family(metrics, family_name, help, METRIC_COUNTER, NULL, 0);
	free(help);
	const struct metric_label label = {STR("binding"), binding};
	return family ? metrics_series(family, &label, 1) : NULL;
}

int32_t host_counter_define(
	struct sluice_instance *i, struct sluice_str name, struct sluice_str description)
{
	if (!host_allows_instance(i, HOST_counter_define))
		return host_refuse(HOST_counter_define);
	if (!counter_name_is_valid(str_in(name)))
		return SLUICE_E_INVALID;
	if (i->counter_count == COUNTERS_MAX)
		return SLUICE_E_FULL;
	struct metrics *metrics = registry_metrics(i->plugin->registry);
	struct metric_series *series = NULL;
	if (metrics) {
		series = counter_series(
			metrics, str_in(name), str_in(description), str_of(i->binding));
		if (!series)
			return SLUICE_E_INVALID;
	}
	i->counters = heap_realloc(
		i->counters, ((size_t)i->counter_count + 1) * sizeof(struct metric_series *));
	i->counters[i->counter_count] = series;
	return i->counter_count++;
}

void host_counter_add(struct sluice_instance *i, int32_t counter, uint64_t n)
{
	const struct policy_thread *t = &policy_thread;
	if (!host_allows_instance(i, HOST_counter_add)) {
		host_refuse(HOST_counter_add);
		return;
	}
	if (counter < 0 || counter >= i->counter_count || !i->counters[counter])
		return;
	uint32_t worker = t->exchange ? t->exchange->worker : t->worker;
	metric_add(metric_series_cell(i->counters[counter], worker), n);
}

void instance_counters_free(struct sluice_instance *i)
{
	for (int32_t c = 0; c < i->counter_count; c++)
		if (i->counters[c])
			metric_series_unref(i->counters[c]);
	free(i->counters);
}
