/* SPDX-License-Identifier: Apache-2.0 */
/* The functions on views that are compiled into plugins: those that read what formats accept. */
#include "sluice/text.h"

#include "unit.h"

static struct sluice_str view(const char *text)
{
	return (struct sluice_str){text, strlen(text)};
}

START_TEST(reads_durations)
{
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {{"500ms", 500}, {"10s", 10000}, {"5m", 300000}, {"1h", 3600000},
		{"1d", 86400000}, {"0s", 0}, {"10", SLUICE_E_INVALID}, {"s", SLUICE_E_INVALID},
		{"", SLUICE_E_INVALID}, {"-1s", SLUICE_E_INVALID}, {"1.5s", SLUICE_E_INVALID},
		{"10 s", SLUICE_E_INVALID}, {"10sec", SLUICE_E_INVALID},
		{"999999999999999ms", 999999999999999}, {"999999999999999d", SLUICE_E_INVALID},
		{"1000000000000000ms", SLUICE_E_INVALID}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(sluice_duration_ms(view(rows[i].text)) == rows[i].ms, "%s: %lld",
			rows[i].text, (long long)sluice_duration_ms(view(rows[i].text)));
}
END_TEST

START_TEST(reads_sizes)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} rows[] = {{"512", 512}, {"512B", 512}, {"64KiB", 65536}, {"1MiB", 1 << 20},
		{"2GiB", INT64_C(2) << 30}, {"64kb", SLUICE_E_INVALID}, {"", SLUICE_E_INVALID},
		{"KiB", SLUICE_E_INVALID}, {"1.5MiB", SLUICE_E_INVALID},
		{"999999999999999GiB", SLUICE_E_INVALID}};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(sluice_bytes(view(rows[i].text)) == rows[i].bytes, "%s: %lld",
			rows[i].text, (long long)sluice_bytes(view(rows[i].text)));
}
END_TEST

UNIT_SUITE(text, reads_durations, reads_sizes)
