/* SPDX-License-Identifier: Apache-2.0 */
/* policy/chain_build.h - from an ordered list of bindings to a chain.
 *
 * Ownership    a chain holds a reference to each of its instances.
 * Threads      built and freed on the main thread; read by all workers.
 */
#pragma once

#include "policy/chain.h"

struct sluice_instance;

enum body_mode {
	BODY_NONE,    /* no body callback */
	BODY_OBSERVE, /* pieces as they pass; replacing is refused */
	BODY_STREAM,  /* pieces as they pass; may be replaced */
	BODY_BUFFER,  /* the whole body in one piece, while the head waits */
};

struct body_contract {
	enum body_mode mode;
	size_t bytes_max; /* BUFFER: more is CHAIN_TOO_LARGE; 0: LIMIT_BUFFERED_BODY_BYTES */
};

/* "none", "observe", "stream", "buffer"; RC_INVALID. */
MUST_USE enum rc body_mode_parse(struct str name, enum body_mode *mode);

struct chain_binding_options {
	struct sluice_instance *instance; /* a reference is taken */
	struct body_contract body[2]; /* by enum chain_direction; without such a callback: none */
	bool skip_on_error;           /* onError: skip */
};

/* In request order; at most LIMIT_BINDINGS_PER_CHAIN, else RC_FULL. */
MUST_USE enum rc chain_new(
	const struct chain_binding_options *bindings, size_t count, struct chain **out);
/* No exchange runs it any more. NULL is harmless. */
void chain_free(struct chain *chain);
size_t chain_count(const struct chain *chain);
/* That binding i is an instance of. */
const struct plugin *chain_plugin(const struct chain *chain, size_t i);
/* Binding i, in request order. */
const struct chain_binding *chain_binding_at(const struct chain *chain, size_t i);
struct sluice_instance *chain_binding_instance(const struct chain_binding *b);
