/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "support.h"

static const struct {
	struct str name;
	enum field_id id;
} names[] = {
#define X(id, text) {BYTES(text), FIELD_##id},
	HTTP_FIELDS(X)
#undef X
};

START_TEST(finds_every_known_name_in_any_case)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		char upper[64];
		for (size_t j = 0; j < names[i].name.n; j++) {
			char c = names[i].name.p[j];
			upper[j] = c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
		}
		ck_assert_int_eq(field_id_of(names[i].name), names[i].id);
		ck_assert_int_eq(field_id_of(str_n(upper, names[i].name.n)), names[i].id);
		upper[0] = names[i].name.p[0];
		ck_assert_int_eq(field_id_of(str_n(upper, names[i].name.n)), names[i].id);
	}
}
END_TEST

/* One byte changed, dropped or added at any place. */
START_TEST(finds_nothing_beside_them)
{
	for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
		struct str name = names[i].name;
		for (size_t at = 0; at < name.n; at++) {
			char twin[64];
			memcpy(twin, name.p, name.n);
			for (int c = 0; c < 256; c++) {
				if (ascii_lower((char)c) == name.p[at])
					continue;
				twin[at] = (char)c;
				enum field_id id = field_id_of(str_n(twin, name.n));
				ck_assert_msg(id != names[i].id, "%.*s with byte %d at %zu",
					STR_ARG(name), c, at);
			}
		}
		char longer[64];
		memcpy(longer, name.p, name.n);
		longer[name.n] = 's';
		ck_assert_int_ne(field_id_of(str_n(longer, name.n + 1)), names[i].id);
		ck_assert_int_ne(field_id_of(str_n(longer, name.n - 1)), names[i].id);
	}
	ck_assert_int_eq(field_id_of(STR_EMPTY), FIELD_OTHER);
	ck_assert_int_eq(field_id_of(repeated("a", 300)), FIELD_OTHER);
}
END_TEST

UNIT_SUITE(field_id, finds_every_known_name_in_any_case, finds_nothing_beside_them)
