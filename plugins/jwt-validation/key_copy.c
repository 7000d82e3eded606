/* SPDX-License-Identifier: Apache-2.0 */
#include "key_copy.h"

#include "sluice/keep.h"

#include <string.h>

/* What a job has to write. */
struct copy {
	size_t name_bytes, text_bytes;
	char bytes[]; /* both */
};

/* --- reading --------------------------------------------------------------------------------- */
static void tell(const struct sluice_call *call, const char *why)
{
	call->host->log(
		call->instance, NULL, SLUICE_LOG_WARN, (struct sluice_str){why, strlen(why)});
}

int32_t key_copy_read(const struct sluice_call *call, struct sluice_str name,
	struct jose_keys *keys, int64_t *age_ms)
{
	const struct sluice_keep_service *keep = call->host->service(SLUICE_KEEP_SERVICE);
	struct sluice_kept kept = {.size = sizeof(kept)};
	const char *why;
	int32_t rc = keep->read(call, name, &kept);
	if (rc != SLUICE_OK)
		return rc;
	rc = jose_keys_read(call->host->service(SLUICE_CRYPTO_SERVICE), kept.bytes, keys, &why);
	call->host->instance_free(call->instance, (void *)(uintptr_t)kept.bytes.p);
	if (rc != SLUICE_OK)
		tell(call, why);
	*age_ms = kept.age_ms;
	return rc;
}

/* --- writing --------------------------------------------------------------------------------- */
static void run(const struct sluice_call *call, void *arg)
{
	const struct sluice_keep_service *keep = call->host->service(SLUICE_KEEP_SERVICE);
	const struct copy *c = arg;
	keep->write(call, (struct sluice_str){c->bytes, c->name_bytes},
		(struct sluice_str){c->bytes + c->name_bytes, c->text_bytes});
}

static void dropped(const struct sluice_call *call, void *arg)
{
	call->host->instance_free(call->instance, arg);
}

static void done(const struct sluice_call *call, void *worker_data, void *arg)
{
	(void)worker_data;
	dropped(call, arg);
}

static int has_secrets(const struct jose_keys *keys)
{
	for (size_t i = 0; i < keys->count; i++)
		if (keys->crypto->key_kind(keys->items[i].key) == SLUICE_KEY_SECRET)
			return 1;
	return 0;
}

void key_copy_write(const struct sluice_call *call, struct sluice_work *work,
	struct sluice_str name, struct sluice_str text, const struct jose_keys *keys)
{
	static const struct sluice_job job = {
		.size = sizeof(job), .run = run, .done = done, .dropped = dropped};
	const struct sluice_work_service *works = call->host->service(SLUICE_WORK_SERVICE);
	if (has_secrets(keys))
		text.n = 0; /* and what was kept before goes */
	struct copy *c = call->host->instance_alloc(call->instance, sizeof(*c) + name.n + text.n);
	if (!c)
		return;
	*c = (struct copy){.name_bytes = name.n, .text_bytes = text.n};
	memcpy(c->bytes, name.p, name.n);
	if (text.n)
		memcpy(c->bytes + name.n, text.p, text.n);
	if (works->submit(call, work, &job, c) != SLUICE_OK)
		dropped(call, c);
}
