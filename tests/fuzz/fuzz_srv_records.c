/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links net base */
/* Any bytes as a name server's answer. What is read of it are host names, ports and times within
 * their bounds, and of an answer that is cut nothing else is read than of the whole. */
#include "base/check.h"
#include "net/srv_records.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_record(const struct srv_record *r)
{
	size_t length = strnlen(r->target, sizeof(r->target));
	CHECK(length > 0 && length < sizeof(r->target) && r->port > 0);
	CHECK(r->target[0] != '.' && r->target[length - 1] != '.' && !strstr(r->target, ".."));
	CHECK(strspn(r->target, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct srv_records whole, part;
	struct str in = {(const char *)bytes, n};
	enum rc rc = srv_records_parse(in, &whole);
	CHECK(rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_INVALID);
	CHECK(whole.count <= SRV_RECORDS_MAX && whole.ttl_s <= INT32_MAX);
	CHECK(rc != RC_OK || whole.count > 0);
	for (size_t i = 0; i < whole.count; i++)
		check_record(&whole.all[i]);
	size_t last = n < 300 ? n : 300;
	for (size_t i = 0; i < last; i++)
		if (srv_records_parse(str_slice(in, 0, i), &part) != RC_INVALID)
			CHECK(part.count == whole.count && part.ttl_s == whole.ttl_s);
	return 0;
}
