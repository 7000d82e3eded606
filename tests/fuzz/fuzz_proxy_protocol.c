/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links net base */
/* Any bytes as the begin of a connection. What is a header is one whatever follows it, no part of
 * it is one already, and what is invalid does not become valid. */
#include "base/check.h"
#include "base/limits.h"
#include "net/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_address(const struct address *a)
{
	char text[ADDRESS_TEXT_BYTES];
	CHECK(a->n == 0 || address_text(a, text).n > 0);
}

/* What is told goes out again as it came in. */
static void check_written(const struct proxy_header *told, unsigned version)
{
	char written[PROXY_HEADER_WRITTEN_BYTES];
	struct proxy_header back = {0};
	size_t n = proxy_header_write(version, &told->source, &told->destination, written);
	CHECK(n <= sizeof(written));
	CHECK(proxy_header_parse(str_n(written, n), &back) == PROXY_HEADER_DONE && back.bytes == n);
	CHECK(back.source.n == 0 || address_eq(&back.source, &told->source));
	CHECK(back.source.n == 0 || address_eq(&back.destination, &told->destination));
	CHECK((back.source.n == 0) == (told->source.n == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str in = {(const char *)bytes, n};
	struct proxy_header whole = {0}, part = {0};
	enum proxy_header_event event = proxy_header_parse(in, &whole);
	if (event == PROXY_HEADER_DONE) {
		CHECK(whole.bytes > 0 && whole.bytes <= n &&
			whole.bytes <= LIMIT_PROXY_HEADER_BYTES);
		check_address(&whole.source);
		check_address(&whole.destination);
		check_written(&whole, 1);
		check_written(&whole, 2);
	}
	size_t last = n < 300 ? n : 300;
	for (size_t i = 0; i < last; i++) {
		enum proxy_header_event early = proxy_header_parse(str_slice(in, 0, i), &part);
		if (event == PROXY_HEADER_DONE)
			CHECK(early == (i < whole.bytes ? PROXY_HEADER_MORE : PROXY_HEADER_DONE));
		if (event == PROXY_HEADER_MORE)
			CHECK(early == PROXY_HEADER_MORE);
		if (early == PROXY_HEADER_INVALID)
			CHECK(event == PROXY_HEADER_INVALID);
	}
	return 0;
}
