/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/shared.h - the service "sluice.shared/1": objects that several instances use together.
 *
 * A hundred APIs that trust the keys of one URL need one copy of them. An object has a type and a
 * name; who holds it by both has the same one, across bindings, APIs and reloads, for as long as
 * anybody does. A plugin never meets objects of another plugin, nor of another build of itself.
 */
#ifndef SLUICE_SHARED_H
#define SLUICE_SHARED_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_SHARED_SERVICE "sluice.shared/1"

struct sluice_shared_type {
	uint32_t size;
	uint32_t reserved;
	const char *name; /* "jwks"; of this plugin's types */
	/* Main thread, inside of `hold`: makes the object. Not SLUICE_OK: `hold` fails with it. */
	int32_t (*make)(
		const struct sluice_call *call, struct sluice_str name, void *arg, void **object);
	/* Main thread: the last who held it is gone. */
	void (*free)(void *object);
};

struct sluice_shared_service {
	uint32_t size;
	uint32_t reserved;

	/* `configure` only: the object of that type and name, which `make` makes from `arg` if
	 * nobody holds one. Held until the instance's `release` has returned; used by any thread,
	 * so it looks after its own locks. SLUICE_E_INVALID: the type is not whole, or the name is
	 * empty or longer than 4 KiB. */
	int32_t (*hold)(struct sluice_instance *instance, const struct sluice_shared_type *type,
		struct sluice_str name, void *arg, void **object);
};

#ifdef __cplusplus
}
#endif
#endif
