/* SPDX-License-Identifier: Apache-2.0 */
/* http/field_role.h - what the fields of a head are to the gateway, whichever version brings them.
 */
#pragma once

#include "http/message.h"

enum field_role {
	ROLE_PASS,
	ROLE_HOP, /* dropped: means nothing behind this hop */
	ROLE_CONNECTION,
	ROLE_LENGTH,
	ROLE_CODING,
	ROLE_UPGRADE,
	/* In requests alone; a response's pass. */
	ROLE_HOST,
	ROLE_EXPECT,
	ROLE_SINGLE, /* a second one makes a request ambiguous */
};

/* By enum field_id. */
extern const uint8_t field_roles[FIELD_COUNT] __attribute__((visibility("hidden")));

/* Whether `name`, which holds a '_', reads like a field that decides about the message. */
bool field_is_twin(struct str name);
/* A name without an id that only the gateway, or a proxy that it believes, may give a meaning. */
bool field_is_owned(struct str name);
