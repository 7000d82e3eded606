/* SPDX-License-Identifier: Apache-2.0 */
/* admin/request.h - one request to the admin server: from its head to its answer. */
#pragma once

#include "admin/admin.h"

/* Who answers, and how much. */
struct admin_answerer {
	const struct admin_source *source;
	void *owner;
	bool is_private; /* everything, not only metrics and probes */
};

/* Takes the stream over until its answer is sent; a body is read and thrown away. */
void admin_request_begin(
	const struct admin_answerer *answerer, struct loop *loop, struct http_stream *s);
/* For http_server_options. */
struct str admin_error_body(void *owner, uint16_t status, const char *text, struct arena *arena,
	struct fields *fields);
