/* SPDX-License-Identifier: Apache-2.0 */
/* Services are shared by the workers: whoever lets go last frees. */
#include "unit.h"

#include "upstream/upstream.h"

#include <pthread.h>

static void *take_and_drop(void *arg)
{
	struct service *s = arg;
	for (int i = 0; i < 2000; i++) {
		struct service *mine = service_ref(s);
		ck_assert(service_options(mine)->port == 80);
		service_unref(mine);
	}
	service_unref(s);
	return NULL;
}

START_TEST(the_last_of_many_threads_frees_it)
{
	struct service_options o = {
		.name = STR("default/a"), .scheme = STR("http"), .host = STR("a.test"), .port = 80};
	struct service *s = service_new(&o);
	pthread_t threads[4];
	for (int i = 0; i < 4; i++) {
		service_ref(s);
		ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_drop, s), 0);
	}
	service_unref(s);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}
END_TEST

START_TEST(keeps_its_own_copies)
{
	char name[] = "default/a", host[] = "a.test", path[] = "/run/a";
	struct service_options o = {.name = str_of(name),
		.scheme = STR("http"),
		.host = str_of(host),
		.port = 80,
		.unix_path = str_of(path)};
	struct service *s = service_new(&o);
	name[0] = host[0] = path[1] = '?';
	assert_str(service_options(s)->name, "default/a");
	assert_str(service_options(s)->host, "a.test");
	assert_str(service_options(s)->unix_path, "/run/a");
	service_unref(s);
	service_unref(NULL);
}
END_TEST

START_TEST(is_localhost_behind_a_unix_socket)
{
	struct service_options o = {.scheme = STR("http"), .unix_path = STR("/run/a")};
	struct service *s = service_new(&o);
	assert_str(service_authority(s), "localhost");
	service_unref(s);
}
END_TEST

UNIT_SUITE(service, the_last_of_many_threads_frees_it, keeps_its_own_copies,
	is_localhost_behind_a_unix_socket)
