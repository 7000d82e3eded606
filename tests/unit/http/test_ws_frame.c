/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "http/ws_frame.h"

#define BYTES(...) str_n((const char[]){__VA_ARGS__}, sizeof((const char[]){__VA_ARGS__}))

/* RFC 6455 5.7. */
START_TEST(reads_the_examples_of_the_rfc)
{
	static const struct {
		uint8_t bytes[14];
		uint8_t n, opcode;
		bool is_final, is_masked;
		uint64_t length;
	} rows[] = {
		{{0x81, 0x05}, 2, WS_TEXT, true, false, 5},
		{{0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d}, 6, WS_TEXT, true, true, 5},
		{{0x01, 0x03}, 2, WS_TEXT, false, false, 3},
		{{0x80, 0x02}, 2, WS_CONTINUATION, true, false, 2},
		{{0x89, 0x05}, 2, WS_PING, true, false, 5},
		{{0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d}, 6, WS_PONG, true, true, 5},
		{{0x82, 0x7e, 0x01, 0x00}, 4, WS_BINARY, true, false, 256},
		{{0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0}, 10, WS_BINARY, true, false, 65536},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct str in = str_n((const char *)rows[i].bytes, rows[i].n);
		struct ws_head h;
		char again[WS_HEAD_BYTES_MAX];
		for (size_t n = 0; n < in.n; n++)
			ck_assert_uint_eq(ws_head_parse(str_slice(in, 0, n), &h), 0);
		ck_assert_uint_eq(ws_head_parse(in, &h), in.n);
		ck_assert_uint_eq(h.opcode, rows[i].opcode);
		ck_assert_uint_eq(h.length, rows[i].length);
		ck_assert(h.is_final == rows[i].is_final && h.is_masked == rows[i].is_masked);
		ck_assert(!h.reserved && !h.is_overlong);
		ck_assert_uint_eq(ws_head_write(&h, again), in.n);
		ck_assert_mem_eq(again, in.p, in.n);
	}
}
END_TEST

START_TEST(a_mask_is_the_same_from_wherever_it_is_applied)
{
	static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	char out[5], plain[100], whole[100], parts[100];
	ws_mask(out, BYTES(0x7f, (char)0x9f, 0x4d, 0x51, 0x58), mask, 0);
	ck_assert_mem_eq(out, "Hello", 5);
	for (size_t i = 0; i < sizeof(plain); i++)
		plain[i] = (char)(i * 7);
	ws_mask(whole, str_n(plain, sizeof(plain)), mask, 0);
	for (size_t cut = 0; cut <= sizeof(plain); cut++) {
		ws_mask(parts, str_n(plain, cut), mask, 0);
		ws_mask(parts + cut, str_n(plain + cut, sizeof(plain) - cut), mask, cut);
		ck_assert_mem_eq(parts, whole, sizeof(whole));
	}
}
END_TEST

START_TEST(lengths_have_one_form)
{
	struct ws_head h;
	ck_assert(ws_head_parse(BYTES((char)0x82, 0x7e, 0, 125), &h) && h.is_overlong);
	ck_assert(ws_head_parse(BYTES((char)0x82, 0x7e, 0, 126), &h) && !h.is_overlong);
	ck_assert(ws_head_parse(
			  BYTES((char)0x82, 0x7f, 0, 0, 0, 0, 0, 0, (char)0xff, (char)0xff), &h) &&
		  h.is_overlong);
	ck_assert(ws_head_parse(BYTES((char)0x82, 0x7f, (char)0x80, 0, 0, 0, 0, 0, 0, 0), &h) &&
		  h.is_overlong);
}
END_TEST

/* Heads of a client, each as opcode with 0x80 for the last of a message; the last one is wrong. */
START_TEST(what_may_not_follow_is_told)
{
	static const struct {
		const char *heads;
		const char *mistake;
	} rows[] = {
		{"\x80", "has not begun"},
		{"\x01\x82", "inside of another"},
		{"\x01\x89\x80\x80", "has not begun"},
		{"\x83", "reserved"},
		{"\x8b", "reserved"},
		{"\x09", "fragmented"},
		{"\xc1", "extension"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws_sequence s = {0};
		const char *mistake = NULL;
		for (const char *at = rows[i].heads; *at; at++) {
			char bytes[6] = {*at, (char)0x80};
			struct ws_head h;
			ck_assert_ptr_null(mistake);
			ck_assert_uint_eq(ws_head_parse(str_n(bytes, 6), &h), 6);
			mistake = ws_sequence_take(&s, &h, true);
		}
		ck_assert_ptr_nonnull(mistake);
		ck_assert_msg(strstr(mistake, rows[i].mistake) != NULL, "%s", mistake);
	}
}
END_TEST

START_TEST(masks_and_control_frames_are_as_the_role_demands)
{
	struct ws_sequence s = {0};
	struct ws_head h = {.opcode = WS_TEXT, .is_final = true};
	ck_assert_ptr_nonnull(ws_sequence_take(&s, &h, true));
	ck_assert_ptr_null(ws_sequence_take(&s, &h, false));
	h.is_masked = true;
	ck_assert_ptr_null(ws_sequence_take(&s, &h, true));
	ck_assert_ptr_nonnull(ws_sequence_take(&s, &h, false));
	h.opcode = WS_PING;
	h.length = 126;
	ck_assert_ptr_nonnull(ws_sequence_take(&s, &h, true));
}
END_TEST

START_TEST(a_close_has_a_status_that_may_be_sent_and_text)
{
	static const uint16_t good[] = {1000, 1003, 1007, 1012, 1014, 3000, 4999};
	static const uint16_t bad[] = {0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535};
	char bytes[WS_CLOSE_BYTES_MAX];
	uint16_t status;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		size_t n = ws_close_write(good[i], STR("bye"), NULL, bytes);
		ck_assert_uint_eq(n, 7);
		ck_assert_int_eq(ws_close_parse(str_n(bytes + 2, n - 2), &status), 0);
		ck_assert_uint_eq(status, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t n = ws_close_write(bad[i], STR_EMPTY, NULL, bytes);
		ck_assert_int_eq(
			ws_close_parse(str_n(bytes + 2, n - 2), &status), WS_STATUS_PROTOCOL);
	}
	ck_assert_int_eq(ws_close_parse(STR_EMPTY, &status), 0);
	ck_assert_uint_eq(status, 0);
	ck_assert_int_eq(ws_close_parse(STR("\x03"), &status), WS_STATUS_PROTOCOL);
	ck_assert_int_eq(ws_close_parse(STR("\x03\xe8\xff"), &status), WS_STATUS_NOT_TEXT);
}
END_TEST

UNIT_SUITE(ws_frame, reads_the_examples_of_the_rfc, a_mask_is_the_same_from_wherever_it_is_applied,
	lengths_have_one_form, what_may_not_follow_is_told,
	masks_and_control_frames_are_as_the_role_demands,
	a_close_has_a_status_that_may_be_sent_and_text)
