/* SPDX-License-Identifier: Apache-2.0 */
#include "http/message_limits.h"

/* The empty line behind the last chunk, which every chunked message has. */
#define TRAILER_BYTES_MIN 2

const struct message_limits message_limits_default = MESSAGE_LIMITS_DEFAULT;

static void cap(uint32_t *n, uint32_t most)
{
	if (*n > most)
		*n = most;
}

void message_limits_fit(struct message_limits *l)
{
	cap(&l->head_bytes, MESSAGE_HEAD_BYTES_MAX);
	cap(&l->target_bytes, l->head_bytes);
	cap(&l->field_name_bytes, l->head_bytes);
	cap(&l->field_value_bytes, l->head_bytes);
	/* A codec may then take a short line for one that breaks neither (h1_section.c). */
	cap(&l->field_name_bytes, l->field_value_bytes);
	cap(&l->fields, MESSAGE_FIELDS_MAX);
	cap(&l->trailer_bytes, l->head_bytes);
	if (l->trailer_bytes < TRAILER_BYTES_MIN)
		l->trailer_bytes = TRAILER_BYTES_MIN;
	cap(&l->trailer_fields, MESSAGE_FIELDS_MAX);
}
