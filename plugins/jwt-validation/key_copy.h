/* SPDX-License-Identifier: Apache-2.0 */
/* key_copy.h - the copy of a key set that outlives the process, for as long as its server does not answer after a restart.
 *
 * It is the text that the server sent, and read as strictly as that was. A set of secrets is not kept: a disk has other
 * readers than the gateway.
 */
#pragma once

#include "util/jose_keys.h"

#include "sluice/work.h"

/* `configure` only. SLUICE_OK: the keys are the caller's. */
int32_t key_copy_read(const struct sluice_call *call, struct sluice_str name,
	struct jose_keys *keys, int64_t *age_ms);
/* On a worker: writes what was read as `keys`, in a job. Whether that succeeds is nobody's business but the log's. */
void key_copy_write(const struct sluice_call *call, struct sluice_work *work,
	struct sluice_str name, struct sluice_str text, const struct jose_keys *keys);
