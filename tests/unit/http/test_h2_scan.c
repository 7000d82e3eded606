/* SPDX-License-Identifier: Apache-2.0 */
#include "h2_rig.h"
#include "http/h2_scan.h"

static void count(struct h2_scan *s, struct str in, unsigned found[4])
{
	enum h2_scan_event event;
	do {
		event = h2_scan_next(s, &in);
		found[event]++;
	} while (event != H2_SCAN_MORE);
}

START_TEST(finds_the_frames_whatever_the_pieces)
{
	struct buffer b;
	buffer_init(&b, 4096);
	buffer_add(&b, STR("preface"));
	put_frame(&b, 0, 0, 1, STR("\x00\x00\x04\xbb text that looks like a frame"));
	put_frame(&b, 0xbb, 0, 0, STR("x"));
	put_frame(&b, 2, 0, 3, STR("\x00\x00\x00\x05\x10"));
	put_frame(&b, 2, 0, 3, STR("\x80\x00\x00\x03\x10"));
	put_frame(&b, 2, 0, 0, STR("\x00\x00\x00\x05\x10"));
	put_frame(&b, 2, 0, 3, STR("abc"));
	put_frame(&b, 0x10, 0, 0, STR_EMPTY);
	struct str whole = buffer_str(&b);
	for (size_t at = 0; at <= whole.n; at++) {
		struct h2_scan s;
		unsigned found[4] = {0};
		h2_scan_init(&s, 7);
		count(&s, str_slice(whole, 0, at), found);
		count(&s, str_from(whole, at), found);
		ck_assert_uint_eq(found[H2_SCAN_UNKNOWN], 2);
		ck_assert_uint_eq(found[H2_SCAN_DATA], 1);
		ck_assert_uint_eq(found[H2_SCAN_BAD_PRIORITY], 2);
	}
	buffer_deinit(&b);
}
END_TEST

UNIT_SUITE(h2_scan, finds_the_frames_whatever_the_pieces)
