/* SPDX-License-Identifier: Apache-2.0 */
#include "net/srv_records.h"

#include <stdbool.h>
#include <string.h>

#define TYPE_SRV  33
#define CLASS_IN  1
#define POINTER   0xc0 /* the two bits of a label's length that make it a pointer */
#define JUMPS_MAX 127  /* as many as a name has labels */

/* What is read of it; sticky. */
struct reader {
	struct str message;
	size_t at;
	bool has_failed;
};

static unsigned take_byte(struct reader *r)
{
	if (r->at >= r->message.n) {
		r->has_failed = true;
		return 0;
	}
	return (unsigned char)r->message.p[r->at++];
}

static unsigned take_u16(struct reader *r)
{
	unsigned high = take_byte(r);
	return high << 8 | take_byte(r);
}

static uint32_t take_u32(struct reader *r)
{
	uint32_t high = take_u16(r);
	return high << 16 | take_u16(r);
}

static void skip(struct reader *r, size_t n)
{
	if (n > r->message.n - r->at)
		r->has_failed = true;
	else
		r->at += n;
}

/* Of an owner or a question, which nothing is asked of: a pointer is its end. */
static void skip_name(struct reader *r)
{
	while (!r->has_failed) {
		unsigned length = take_byte(r);
		if ((length & POINTER) == POINTER) {
			take_byte(r);
			return;
		}
		if (length & POINTER)
			r->has_failed = true;
		if (length == 0)
			return;
		skip(r, length);
	}
}

/* --- targets --------------------------------------------------------------------------------- */

static bool is_host_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* Behind what is there already. */
static void take_label(struct reader *r, size_t length, char *to, size_t *n)
{
	if (*n + 1 + length >= SRV_TARGET_BYTES || length > r->message.n - r->at) {
		r->has_failed = true;
		return;
	}
	if (*n > 0)
		to[(*n)++] = '.';
	for (size_t i = 0; i < length; i++) {
		char c = ascii_lower((char)take_byte(r));
		r->has_failed |= !is_host_byte(c);
		to[(*n)++] = c;
	}
}

/* Ends: each pointer goes before the place where the part at hand began. */
static void take_name(struct reader *r, char to[SRV_TARGET_BYTES])
{
	size_t n = 0, begin = r->at;
	struct reader here = *r;
	unsigned jumps = 0;
	while (!here.has_failed) {
		unsigned length = take_byte(&here);
		if ((length & POINTER) == POINTER) {
			size_t target = (length & ~(unsigned)POINTER) << 8 | take_byte(&here);
			if (jumps++ == 0)
				r->at = here.at;
			here.has_failed |= target >= begin || jumps > JUMPS_MAX;
			here.at = begin = target;
		} else if (length & POINTER) {
			here.has_failed = true;
		} else if (length == 0) {
			break;
		} else {
			take_label(&here, length, to, &n);
		}
	}
	if (jumps == 0)
		r->at = here.at;
	r->has_failed |= here.has_failed;
	to[n < SRV_TARGET_BYTES ? n : 0] = '\0';
}

/* --- records --------------------------------------------------------------------------------- */

int srv_record_compare(const struct srv_record *a, const struct srv_record *b)
{
	if (a->priority != b->priority)
		return (int)a->priority - (int)b->priority;
	if (a->weight != b->weight)
		return (int)b->weight - (int)a->weight;
	int order = strcmp(a->target, b->target);
	return order ? order : (int)a->port - (int)b->port;
}

static void add(struct srv_records *out, const struct srv_record *record)
{
	struct srv_record *last = &out->all[0];
	if (out->count < SRV_RECORDS_MAX) {
		out->all[out->count++] = *record;
		return;
	}
	for (size_t i = 1; i < out->count; i++)
		if (srv_record_compare(&out->all[i], last) > 0)
			last = &out->all[i];
	if (srv_record_compare(record, last) < 0)
		*last = *record;
}

static void take_srv(struct reader *r, size_t end, struct srv_records *out)
{
	struct srv_record record;
	record.priority = (uint16_t)take_u16(r);
	record.weight = (uint16_t)take_u16(r);
	record.port = (uint16_t)take_u16(r);
	take_name(r, record.target);
	r->has_failed |= r->at != end;
	if (!r->has_failed && record.target[0] && record.port)
		add(out, &record);
}

static void take_record(struct reader *r, struct srv_records *out)
{
	skip_name(r);
	unsigned type = take_u16(r), class = take_u16(r);
	uint32_t ttl_s = take_u32(r);
	size_t n = take_u16(r), begin = r->at;
	skip(r, n);
	if (r->has_failed)
		return;
	if (ttl_s > INT32_MAX) /* RFC 2181 8 */
		ttl_s = 0;
	out->ttl_s = ttl_s < out->ttl_s ? ttl_s : out->ttl_s;
	if (type != TYPE_SRV || class != CLASS_IN)
		return;
	r->at = begin;
	take_srv(r, begin + n, out);
}

enum rc srv_records_parse(struct str message, struct srv_records *out)
{
	struct reader r = {.message = message};
	out->count = 0;
	out->ttl_s = INT32_MAX;
	take_u32(&r); /* its number and flags: c-ares has looked at them */
	unsigned questions = take_u16(&r), answers = take_u16(&r);
	take_u32(&r);
	for (unsigned i = 0; i < questions && !r.has_failed; i++) {
		skip_name(&r);
		take_u32(&r);
	}
	for (unsigned i = 0; i < answers && !r.has_failed; i++)
		take_record(&r, out);
	if (r.has_failed)
		return RC_INVALID;
	return out->count > 0 ? RC_OK : RC_NOT_FOUND;
}
