/* SPDX-License-Identifier: Apache-2.0 */
/* util/config_read.h - members of a configuration by their names.
 *
 * What a schema gives a default is always there; the rest may be absent, which reads as nothing.
 *
 * Threads      the one that configures.
 */
#pragma once

#include "sluice/text.h"

struct config_reader {
	const struct sluice_call *call;
	const struct sluice_value *config;
};

/* NULL: there is none. */
static inline const struct sluice_value *config_get(const struct config_reader *r, const char *name)
{
	return r->call->host->value_get(r->config, (struct sluice_str){name, strlen(name)});
}

/* Empty: there is none. */
static inline struct sluice_str config_text(const struct config_reader *r, const char *name)
{
	return r->call->host->value_string(config_get(r, name), SLUICE_STR(""));
}

static inline int config_is_text(const struct config_reader *r, const char *name, const char *text)
{
	return sluice_equal(config_text(r, name), (struct sluice_str){text, strlen(text)});
}

static inline int config_is_set(const struct config_reader *r, const char *name)
{
	return r->call->host->value_bool(config_get(r, name), 0);
}

static inline int64_t config_integer(
	const struct config_reader *r, const char *name, int64_t fallback)
{
	return r->call->host->value_integer(config_get(r, name), fallback);
}
