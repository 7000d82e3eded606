/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/shared_text.h"

#include <pthread.h>

static struct shared_text shared;
static atomic_bool is_over;

START_TEST(is_what_was_set_last)
{
	struct shared_text t = {0};
	char out[SHARED_TEXT_BYTES];
	assert_str(shared_text_get(&t, out), "");
	shared_text_set(&t, STR("it answered 500"));
	assert_str(shared_text_get(&t, out), "it answered 500");
	shared_text_set(&t, STR("no"));
	assert_str(shared_text_get(&t, out), "no");
	shared_text_set(&t, STR_EMPTY);
	assert_str(shared_text_get(&t, out), "");
}
END_TEST

START_TEST(is_cut_where_it_is_too_long)
{
	struct shared_text t = {0};
	char text[2 * SHARED_TEXT_BYTES], out[SHARED_TEXT_BYTES];
	memset(text, 'x', sizeof(text));
	shared_text_set(&t, str_n(text, sizeof(text)));
	ck_assert_uint_eq(shared_text_get(&t, out).n, SHARED_TEXT_BYTES);
}
END_TEST

static void *change(void *arg)
{
	char text[SHARED_TEXT_BYTES];
	for (unsigned i = 0; !atomic_load(&is_over); i++) {
		memset(text, 'a' + (int)(i % 26), sizeof(text));
		shared_text_set(&shared, str_n(text, 1 + i * 7 % sizeof(text)));
	}
	return NULL;
}

START_TEST(nobody_reads_half_of_one_and_half_of_another)
{
	pthread_t writer;
	char out[SHARED_TEXT_BYTES];
	pthread_create(&writer, NULL, change, NULL);
	for (int i = 0; i < 2000; i++) {
		struct str s = shared_text_get(&shared, out);
		for (size_t k = 1; k < s.n; k++)
			ck_assert_int_eq(s.p[k], s.p[0]);
	}
	atomic_store(&is_over, true);
	pthread_join(writer, NULL);
}
END_TEST

UNIT_SUITE(shared_text, is_what_was_set_last, is_cut_where_it_is_too_long,
	nobody_reads_half_of_one_and_half_of_another)
