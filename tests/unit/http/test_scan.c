/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "http/scan.h"
#include "support.h"

typedef const char *scan_fn(const char *p, const char *stop);

static const struct {
	const char *name;
	scan_fn *scan;
	uint8_t class;
	char filler;
} scans[] = {
	{"text", scan_text, BYTE_TEXT, ' '},
	{"target", scan_target, BYTE_TARGET, '/'},
	{"query", scan_query, BYTE_QUERY, '='},
	{"word", scan_word, BYTE_WORD, '-'},
	{"token", scan_token, BYTE_TOKEN, '_'},
};

/* Every byte at every place of runs of every length up to three vectors, against the table. Two million
 * of them: an assertion that holds is told to the parent by a system call, so only one that fails is made. */
START_TEST(stops_at_the_first_byte_outside_the_class)
{
	for (size_t s = 0; s < ARRAY_COUNT(scans); s++)
		for (size_t n = 1; n < 50; n++)
			for (size_t at = 0; at < n; at++)
				for (int c = 0; c < 256; c++) {
					char bytes[50];
					memset(bytes, scans[s].filler, n);
					bytes[at] = (char)c;
					bool is_inside = byte_is((char)c, scans[s].class);
					const char *stopped = scans[s].scan(bytes, bytes + n);
					if (stopped != bytes + (is_inside ? n : at))
						ck_abort_msg("%s: byte %d at %zu of %zu",
							scans[s].name, c, at, n);
				}
}
END_TEST

START_TEST(what_is_looked_at_as_a_whole_is_seen_whole)
{
	for (size_t n = 1; n < 50; n++)
		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 256; c++) {
				char bytes[50];
				memset(bytes, 'x', n);
				bytes[at] = (char)c;
				bool is_plain = scan_is_plain(bytes, n);
				bool is_visible = c >= 0x20 && c < 0x7f;
				if (scan_is_word(bytes, n) != byte_is((char)c, BYTE_WORD) ||
					(is_plain && !byte_is((char)c, BYTE_TEXT)) ||
					(!is_plain && is_visible))
					ck_abort_msg("byte %d at %zu of %zu", c, at, n);
			}
}
END_TEST

START_TEST(classes_are_those_of_rfc_9110)
{
	for (int c = 0; c < 256; c++) {
		bool is_visible = c > 0x20 && c < 0x7f;
		bool is_alnum =
			(c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		bool is_token = is_alnum || (c && strchr("!#$%&'*+-.^_`|~", c));
		ck_assert_int_eq(byte_is((char)c, BYTE_TOKEN), is_token);
		ck_assert_int_eq(byte_is((char)c, BYTE_WORD), is_alnum || c == '-');
		ck_assert_int_eq(byte_is((char)c, BYTE_TARGET), is_visible);
		ck_assert_int_eq(byte_is((char)c, BYTE_QUERY), is_visible && c != '#');
		ck_assert_int_eq(byte_is((char)c, BYTE_TEXT),
			is_visible || c == ' ' || c == '\t' || c >= 0x80);
	}
}
END_TEST

UNIT_SUITE(scan, stops_at_the_first_byte_outside_the_class,
	what_is_looked_at_as_a_whole_is_seen_whole, classes_are_those_of_rfc_9110)
