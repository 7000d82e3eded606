/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/admin_client.h - one request to a gateway's admin socket.
 *
 * Blocking; one thread. The socket is <state>/admin.sock and speaks HTTP. */
#pragma once

#include "base/buffer.h"

#define ADMIN_ANSWER_BYTES_MAX (256u << 20)
#define ADMIN_ERROR_BYTES      512

struct admin_answer {
	long status;
	struct buffer body;
};

enum admin_method { ADMIN_GET, ADMIN_POST, ADMIN_PUT };

/* `body` of the answer is initialised in any case and belongs to the caller. On failure (nobody
 * listens, no answer within timeout_s) `error` holds one sentence. */
MUST_USE enum rc admin_request(const char *socket_path, enum admin_method method, const char *path,
	long timeout_s, struct admin_answer *answer, char error[ADMIN_ERROR_BYTES]);

/* The same for an answer that goes on (POST): its bytes as they come, until it ends or `take` gives
 * false. An answer that is no 200 is collected instead. */
MUST_USE enum rc admin_follow(const char *socket_path, const char *path,
	bool (*take)(void *owner, struct str bytes), void *owner, struct admin_answer *answer,
	char error[ADMIN_ERROR_BYTES]);

/* As a part of a path: every octet but the plainest is escaped. */
void admin_add_escaped(struct buffer *path, struct str text);
