/* SPDX-License-Identifier: Apache-2.0 */
/* sandbox/privileges.h - giving up what only the start needed.
 *
 * Threads      before there are any. */
#pragma once

#include "base/str.h"

#include <sys/types.h>

#define IDENTITY_NAME_BYTES 64

struct identity {
	char user[IDENTITY_NAME_BYTES];
	uid_t uid;
	gid_t gid;
};

/* "NAME", with its own group, or "NAME:GROUP"; numbers are none. RC_NOT_FOUND: there is no such user
 * or group; `message` says which. */
MUST_USE enum rc identity_parse(
	const char *text, struct identity *out, char *message, size_t message_size);
/* Root only, once and for all: the process is that user, with no capability but, when `binds_ports`,
 * that of listening below port 1024. RC_IO with errno: nothing is certain then, so end the process. */
MUST_USE enum rc privileges_drop(const struct identity *id, bool binds_ports);
/* Who stays who it is keeps what file access takes and, when `binds_ports`, low ports; none of the
 * rest. Whoever has less keeps less. RC_IO with errno. */
MUST_USE enum rc privileges_trim(bool binds_ports);
/* No core file, no tracing by others of the same user: keys stand in memory. */
void privileges_hide_memory(void);
