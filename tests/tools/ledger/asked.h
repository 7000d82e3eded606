/* SPDX-License-Identifier: Apache-2.0 */
/* ledger/asked.h - a request that is asked, by whichever protocol: what it wants, how it goes on, and
 * how it ended, which is a line in the ledger. Nothing is ever sent twice. */
#pragma once

#include "ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTCOMES(X)                                                                                \
	X(OK, "ok")                                                                                \
	X(REFUSED, "refused")                                                                      \
	X(UNREACHABLE, "unreachable")                                                              \
	X(RESET, "reset")                                                                          \
	X(EOF, "eof")                                                                              \
	X(PARTIAL, "partial")                                                                      \
	X(TIMEOUT, "timeout")                                                                      \
	X(WRONG_OWNER, "wrong-owner")                                                              \
	X(WRONG_BODY, "wrong-body")                                                                \
	X(STATUS, "status")                                                                        \
	X(MALFORMED, "malformed")                                                                  \
	X(UNFINISHED, "unfinished")

enum outcome {
#define X(name, text) OUTCOME_##name,
	OUTCOMES(X)
#undef X
		OUTCOME_COUNT,
};

struct asked {
	uint64_t nonce;
	uint64_t upload, upload_at, download, download_at;
	unsigned pause_ms; /* between two pieces of a body; 0: none */
	bool is_reused;    /* its connection has had others */
	bool is_sent, got_byte;
	int64_t begun_ms, sent_ms, progress_ms;
	/* The answer. */
	unsigned status;
	char owner[32], verdict[16];
};

/* The ledger's beginning, and its end: the line of JSON. */
void asked_open(const struct load_options *o);
void asked_close(void);
/* Once a turn. */
void asked_tick(void);
/* How many there were, and how many have not ended. */
uint64_t asked_begun(void);
unsigned asked_busy(void);
/* Whether the load is to end: it was told to, or has what was wanted. */
bool asked_is_enough(void);

unsigned draw(unsigned below);
/* A new request, small or a long paced one; begins now. */
void asked_begin(struct asked *a, bool is_stream, bool is_reused);
/* Its path and query. */
void asked_target(const struct asked *a, char *to, size_t room);
/* Whether these bytes are the next of its answer; counts them. */
bool asked_take(struct asked *a, const char *p, size_t n);
/* How a request ended whose answer is whole. */
enum outcome asked_judge(const struct asked *a);
/* What came that belongs to no answer to it. */
enum outcome asked_blame(const struct asked *a);
void asked_end(const struct asked *a, enum outcome outcome);
