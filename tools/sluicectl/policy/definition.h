/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/policy/definition.h - what the definitions in a plugin say. */
#pragma once

#include "base/diagnostics.h"
#include "config/document.h"

#define DEFINITIONS_MAX 64

struct definition {
	struct str name, version, title, stage; /* views into the documents; may be empty */
	struct str request_body, response_body; /* modes */
};

struct definitions {
	struct document_set documents;
	struct definition items[DEFINITIONS_MAX];
	size_t count;
};

/* `file` names it in messages, which are printed. False: the gateway would refuse it. `out` needs
 * definitions_deinit in any case. */
MUST_USE bool definitions_read(struct definitions *out, const char *file, struct str text);
void definitions_deinit(struct definitions *d);
