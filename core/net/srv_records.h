/* SPDX-License-Identifier: Apache-2.0 */
/* net/srv_records.h - the SRV records in a name server's answer (RFC 1035 4.1, RFC 2782), with their
 * times to live, which the parser of c-ares 1.18 leaves out. Pure function of bytes.
 *
 * Whatever the answer holds, it is read in one pass: a compressed name's pointers each go further
 * back than the one before, and what is longer than a name may be is malformed.
 */
#pragma once

#include "base/rc.h"
#include "base/str.h"

#define SRV_RECORDS_MAX  32
#define SRV_TARGET_BYTES 254 /* of 253 at most, and a NUL */

struct srv_record {
	uint16_t priority, weight, port;
	char target[SRV_TARGET_BYTES]; /* a host name in lower case, without a final dot */
};

struct srv_records {
	size_t count;
	uint32_t ttl_s; /* the shortest of the answer, of aliases on the way too */
	struct srv_record all[SRV_RECORDS_MAX];
};

/* A whole order: by priority, of one priority the heaviest first, then by target and port. */
int srv_record_compare(const struct srv_record *a, const struct srv_record *b);

/* The records of the answer's section of answers, in no order. Of more than SRV_RECORDS_MAX those stay
 * that come first by srv_record_compare: name servers rotate, and what is told must not.
 * RC_NOT_FOUND: there is none, or those there are say that nobody serves (a target of "." or port
 * 0); RC_INVALID: malformed, or a target that is no host name. */
enum rc srv_records_parse(struct str message, struct srv_records *out);
