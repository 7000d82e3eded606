/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/trace.h - follows requests of a running gateway, as JSON lines or to be read. */
#pragma once

#include <stdbool.h>

struct trace_options {
	const char *api, *path, *client, *header, *count; /* NULL: any */
	unsigned seconds;                                 /* 0: the gateway's default */
	bool json;
};

/* Until it ends by itself; the exit code. */
int trace_run(const char *socket_path, const struct trace_options *o);
