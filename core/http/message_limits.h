/* SPDX-License-Identifier: Apache-2.0 */
/* http/message_limits.h - what one message may hold; what each excess is: http/h1.h, H1_ERRORS.
 *
 * A plain struct, so that a codec does not know where the figures come from. All of them are
 * counted as the bytes come: an excess is noticed at the byte behind the limit.
 *
 * Ranges       those of MESSAGE_LIMIT_* below; message_limits_fit makes any values usable. */
#pragma once

#include "base/limits.h"

#include <stdint.h>

struct message_limits {
	uint32_t target_bytes;      /* requests */
	uint32_t head_bytes;        /* decoded, and 32 more for each field (RFC 9113 6.5.2) */
	uint32_t fields;            /* of the head */
	uint32_t field_name_bytes;  /* of the head and of trailers */
	uint32_t field_value_bytes; /* likewise; also a response's reason */
	uint32_t trailer_bytes;     /* with 32 more for each field */
	uint32_t trailer_fields;    /* of one message */
	uint32_t extension_bytes;   /* of all chunks of one message */
	uint32_t interim_responses; /* to one request */
};

/* Anchors: what nginx, HAProxy and Envoy allow by default. */
#define MESSAGE_LIMITS_DEFAULT                                                                     \
	{                                                                                          \
		.target_bytes = LIMIT_TARGET_BYTES, .head_bytes = LIMIT_HEAD_BYTES,                \
		.fields = LIMIT_FIELDS, .field_name_bytes = LIMIT_FIELD_NAME_BYTES,                \
		.field_value_bytes = LIMIT_FIELD_VALUE_BYTES,                                      \
		.trailer_bytes = LIMIT_TRAILER_BYTES, .trailer_fields = LIMIT_TRAILER_FIELDS,      \
		.extension_bytes = LIMIT_CHUNK_EXTENSION_BYTES,                                    \
		.interim_responses = LIMIT_INTERIM_RESPONSES,                                      \
	}
extern const struct message_limits message_limits_default;

/* The most that may be configured: with these a head still fits an exchange's memory twice. */
#define MESSAGE_HEAD_BYTES_MAX 262144
#define MESSAGE_FIELDS_MAX     1024

/* No part is larger than the whole that it stands in, and the whole not larger than the most; trailers
 * that are to have no room keep their end. */
void message_limits_fit(struct message_limits *l);
