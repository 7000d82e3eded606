/* SPDX-License-Identifier: Apache-2.0 */
/* http/h2_scan.h - looks at the frames that the library passes over without a word: types that it
 * does not know, priorities, which it does not keep, and content of streams that are over.
 *
 * Reads each frame's head, whatever pieces it comes in, and skips the rest. */
#pragma once

#include "base/str.h"

enum h2_scan_event {
	H2_SCAN_MORE,         /* all bytes were read */
	H2_SCAN_UNKNOWN,      /* a frame of a type that RFC 9113 does not have */
	H2_SCAN_DATA,         /* content of `stream`: its frame's head ends here */
	H2_SCAN_BAD_PRIORITY, /* of no stream, or of one that depends on itself */
};

struct h2_scan {
	uint32_t skip; /* bytes before the next frame's head */
	int32_t stream;
	uint8_t n; /* of `head` */
	uint8_t head[13];
};

/* `skip`: bytes that are no frames, the preface. */
void h2_scan_init(struct h2_scan *s, uint32_t skip);
/* Advances *in; call it until it says H2_SCAN_MORE. */
enum h2_scan_event h2_scan_next(struct h2_scan *s, struct str *in);
