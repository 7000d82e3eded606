/* SPDX-License-Identifier: Apache-2.0 */
/* services/keep.c - what plugins keep in the state folder. */
#include "sluice/keep.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/memory.h"
#include "observe/log.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/services_priv.h"
#include "state/keep.h"

#include <errno.h>
#include <stdlib.h>

#define NAME_BYTES_MAX 4096

_Static_assert(SLUICE_KEEP_BYTES_MAX == LIMIT_KEPT_BYTES, "the SDK tells the limit");

enum { READ, WRITE };
static const struct policy_call calls[] = {
	[READ] = {"sluice.keep/1 read", IN(CONFIGURE) | IN(JOB)},
	[WRITE] = {"sluice.keep/1 write", IN(JOB)},
};

static char *folder; /* owned; NULL: nothing is kept */

void services_keep_in(const char *state_dir)
{
	free(folder);
	folder = state_dir ? heap_printf("%s/kept", state_dir) : NULL;
	named_caches_keep_in(state_dir);
}

static bool is_name(struct sluice_str name)
{
	return name.n > 0 && name.n <= NAME_BYTES_MAX;
}

static void tell(const char *what, struct str owner, struct sluice_str name, const char *why)
{
	log_write(LOG_WARN, "what %.*s keeps as \"%.*s\" %s in %s: %s", STR_ARG(owner),
		STR_ARG(str_in(name)), what, folder, why);
}

/* To memory of the instance. */
static int32_t give(struct sluice_instance *i, struct str text, struct sluice_kept *kept)
{
	char *bytes = text.n ? policy_alloc(i, text.n) : NULL;
	if (text.n && !bytes)
		return SLUICE_E_FULL;
	if (bytes)
		memcpy(bytes, text.p, text.n);
	kept->bytes = (struct sluice_str){bytes, text.n};
	return SLUICE_OK;
}

static int32_t keep_found(struct sluice_instance *i, struct str owner, struct sluice_str name,
	struct sluice_kept *kept)
{
	struct buffer text;
	int64_t saved_us, now_us = clock_wall_us();
	int32_t result = SLUICE_E_NOT_FOUND;
	buffer_init(&text, LIMIT_KEPT_BYTES);
	enum rc rc = keep_read(folder, owner, str_in(name), &text, &saved_us);
	if (rc == RC_INVALID)
		tell("cannot be used", owner, name, "it is damaged");
	if (rc == RC_IO)
		tell("cannot be read", owner, name, strerror(errno));
	if (rc == RC_OK && saved_us <= now_us) {
		kept->age_ms = (now_us - saved_us) / 1000;
		result = give(i, buffer_str(&text), kept);
	}
	buffer_deinit(&text);
	return rc == RC_IO ? SLUICE_E_UNAVAILABLE : result;
}

static int32_t read_kept(
	const struct sluice_call *call, struct sluice_str name, struct sluice_kept *kept)
{
	struct sluice_instance *i = call ? call->instance : NULL;
	if (!policy_allows(&calls[READ], i))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_name(name) || !kept || kept->size < sizeof(*kept))
		return SLUICE_E_INVALID;
	return folder ? keep_found(i, policy_plugin_name(i), name, kept) : SLUICE_E_UNAVAILABLE;
}

static int32_t write_kept(
	const struct sluice_call *call, struct sluice_str name, struct sluice_str bytes)
{
	struct sluice_instance *i = call ? call->instance : NULL;
	if (!policy_allows(&calls[WRITE], i))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_name(name))
		return SLUICE_E_INVALID;
	if (!folder)
		return SLUICE_E_UNAVAILABLE;
	struct str owner = policy_plugin_name(i);
	enum rc rc =
		bytes.n ? keep_write(folder, owner, str_in(name), str_in(bytes), clock_wall_us())
			: keep_remove(folder, owner, str_in(name));
	if (rc == RC_IO)
		tell("cannot be written", owner, name, strerror(errno));
	return rc == RC_IO ? SLUICE_E_UNAVAILABLE : rc == RC_FULL ? SLUICE_E_FULL : SLUICE_OK;
}

const void *services_keep_table(void)
{
	static const struct sluice_keep_service table = {
		.size = sizeof(table), .read = read_kept, .write = write_kept};
	return &table;
}
