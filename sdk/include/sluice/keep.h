/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/keep.h - the service "sluice.keep/1": small texts that outlive the process.
 *
 * For what is costly to be without after a restart and can be had again: keys, documents, what a
 * server said last. Each has a name among those of the plugin, and lies in the gateway's state folder.
 *
 *	configure:      struct sluice_kept kept = {.size = sizeof(kept)};
 *	                if (keep->read(call, SLUICE_STR("keys"), &kept) == SLUICE_OK) {
 *	                        ... kept.bytes, as old as kept.age_ms
 *	                        host->instance_free(call->instance, (void *)kept.bytes.p);
 *	                }
 *	a job's run:    keep->write(call, SLUICE_STR("keys"), bytes);     // sluice/work.h
 *
 * It is written whole or not at all, and read only as it was written; still it comes from a disk: read
 * it as strictly as what it was made from. No secrets: whoever has the disk has them.
 */
#ifndef SLUICE_KEEP_H
#define SLUICE_KEEP_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_KEEP_SERVICE "sluice.keep/1"

#define SLUICE_KEEP_BYTES_MAX 1048576

struct sluice_kept {
	uint32_t size; /* set by the caller */
	uint32_t reserved;
	struct sluice_str bytes; /* for host->instance_free, by the caller; empty: p is NULL */
	int64_t age_ms;          /* since it was written, by the clock on the wall; 0 or more */
};

struct sluice_keep_service {
	uint32_t size;
	uint32_t reserved;

	/* A name has 1 to 4,096 bytes. SLUICE_E_INVALID: it has not; SLUICE_E_UNAVAILABLE: the disk fails, or
	 * this gateway has none. They block. */
	/* `configure`, jobs. SLUICE_E_NOT_FOUND: nothing is kept, or it is damaged (the log says so), or it
	 * is of the future, as after a clock was set back. */
	int32_t (*read)(
		const struct sluice_call *call, struct sluice_str name, struct sluice_kept *kept);
	/* Jobs. In the place of what was there; empty: nothing is kept any more. SLUICE_E_FULL: more than
	 * SLUICE_KEEP_BYTES_MAX. Of all plugins 256 texts are kept: beyond that what was written longest
	 * ago goes. */
	int32_t (*write)(
		const struct sluice_call *call, struct sluice_str name, struct sluice_str bytes);
};

#ifdef __cplusplus
}
#endif
#endif
