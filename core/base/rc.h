/* SPDX-License-Identifier: Apache-2.0 */
/* base/rc.h - the result of a call that can fail in an ordinary way.
 *
 * Outputs of a call are set only on RC_OK. Programmer errors use CHECK (base/check.h), operator
 * errors use struct diagnostics (base/diagnostics.h), failed exchanges use struct fault. */
#pragma once

#define MUST_USE __attribute__((warn_unused_result))

enum rc {
	RC_OK = 0,
	RC_AGAIN,       /* not now: would wait; call again when told */
	RC_FULL,        /* a budget, queue or table is exhausted */
	RC_INVALID,     /* the input breaks its grammar or contract */
	RC_UNSUPPORTED, /* well-formed, but not something this build does */
	RC_NOT_FOUND,
	RC_EXISTS,
	RC_CLOSED,  /* the other side has ended */
	RC_REFUSED, /* the other side, or a rule, said no */
	RC_TIMEOUT,
	RC_IO, /* the operating system failed; errno tells */
};

/* A short lower-case name, "ok", "again", ...; static storage. */
const char *rc_name(enum rc rc);
