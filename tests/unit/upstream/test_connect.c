/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/memory.h"
#include "bench.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* A hosts file with these lines. */
static char *hosts_file(const char *lines)
{
	char *path = heap_strdup(P_tmpdir "/sluice-hosts-XXXXXX");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, lines, strlen(lines)), (ssize_t)strlen(lines));
	close(fd);
	return path;
}

static void remove_file(char *path)
{
	unlink(path);
	free(path);
}

START_TEST(tries_the_next_address_when_one_refuses)
{
	struct bench b;
	struct request r;
	/* The origin listens on the last of them alone. */
	char *path =
		hosts_file("127.0.0.3 origin.test\n127.0.0.2 origin.test\n127.0.0.1 origin.test\n");
	struct resolver_options resolver = {.hosts_file = str_of(path)};
	bench_init(&b, &resolver);
	struct service *s = bench_service(&b, "origin.test", 8, 8);
	for (int i = 0; i < 4; i++) {
		ask_run(&b, s, true, &r);
		ck_assert_int_eq(r.rc, RC_OK);
		ck_assert_uint_eq(r.status, 200);
	}
	ck_assert_uint_eq(bench_stats(&b, s).connect_failures, 0);
	service_unref(s);
	bench_deinit(&b);
	remove_file(path);
}
END_TEST

START_TEST(tells_that_every_address_refused)
{
	struct bench b;
	struct request r;
	char *path = hosts_file("127.0.0.3 origin.test\n127.0.0.2 origin.test\n");
	struct resolver_options resolver = {.hosts_file = str_of(path)};
	bench_init(&b, &resolver);
	struct service *s = bench_service(&b, "origin.test", 8, 8);
	ask_run(&b, s, false, &r);
	ck_assert_int_eq(r.rc, RC_REFUSED);
	ck_assert(r.text[0]);
	ck_assert_uint_eq(bench_stats(&b, s).connect_failures, 1);
	ck_assert_uint_eq(bench_stats(&b, s).connections, 0);
	service_unref(s);
	bench_deinit(&b);
	remove_file(path);
}
END_TEST

/* A listener whose queue is full: whoever connects hears nothing. */
struct silence {
	int fds[4];
};

static void silence_begin(struct silence *silent, const char *ip, uint16_t port)
{
	struct address at;
	ck_assert_int_eq(address_from_ip(str_of(ip), port, &at), RC_OK);
	for (size_t i = 0; i < sizeof(silent->fds) / sizeof(silent->fds[0]); i++) {
		silent->fds[i] = socket(at.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
		ck_assert_int_ge(silent->fds[i], 0);
	}
	ck_assert_int_eq(bind(silent->fds[0], &at.u.sa, at.n), 0);
	ck_assert_int_eq(listen(silent->fds[0], 0), 0);
	for (size_t i = 1; i < sizeof(silent->fds) / sizeof(silent->fds[0]); i++)
		connect(silent->fds[i], &at.u.sa, at.n);
}

static void silence_end(struct silence *silent)
{
	for (size_t i = 0; i < sizeof(silent->fds) / sizeof(silent->fds[0]); i++)
		close(silent->fds[i]);
}

/* A request by a fresh connection, in which so much time passes; whether it was answered by then.
 */
static bool is_answered_after(struct bench *b, struct service *s, int64_t ms)
{
	struct request r;
	ask_start(b, s, true, &r);
	bench_settle(b);
	loop_fake_advance(b->loop, ms);
	bench_settle(b);
	bool is_told = r.is_told;
	ck_assert(!is_told || r.rc == RC_OK);
	if (is_told)
		ask_finish(&r);
	else
		upstream_cancel(&r.wait);
	ask_deinit(&r);
	return is_told;
}

START_TEST(a_silent_address_gets_the_next_one_beside_it)
{
	struct bench b;
	struct silence silent;
	char *path = hosts_file("127.0.0.2 origin.test\n127.0.0.1 origin.test\n");
	struct resolver_options resolver = {.hosts_file = str_of(path)};
	bench_init(&b, &resolver);
	silence_begin(&silent, "127.0.0.2", address_port(&b.origin.address));
	struct service *s = bench_service(&b, "origin.test", 8, 8);
	ck_assert(is_answered_after(&b, s, 250));
	ck_assert(is_answered_after(&b, s, 0)); /* it is the other one's turn */
	ck_assert(is_answered_after(&b, s, 250));
	ck_assert(is_answered_after(&b, s, 0));
	ck_assert(!is_answered_after(&b, s, 249));
	ck_assert_uint_eq(bench_stats(&b, s).connect_failures, 0);
	silence_end(&silent);
	service_unref(s);
	bench_deinit(&b);
	remove_file(path);
}
END_TEST

START_TEST(a_family_that_has_won_goes_first)
{
	struct bench b;
	struct silence silent;
	char *path = hosts_file("::1 origin.test\n::1 origin.test\n127.0.0.1 origin.test\n");
	struct resolver_options resolver = {.hosts_file = str_of(path)};
	bench_init(&b, &resolver);
	silence_begin(&silent, "::1", address_port(&b.origin.address));
	struct service *s = bench_service(&b, "origin.test", 8, 8);
	ck_assert(is_answered_after(&b, s, 250)); /* the families take turns */
	for (int i = 0; i < 4; i++)
		ck_assert(is_answered_after(&b, s, 0));
	silence_end(&silent);
	service_unref(s);
	bench_deinit(&b);
	remove_file(path);
}
END_TEST

START_TEST(tells_that_a_name_does_not_exist)
{
	struct bench b;
	struct request r;
	char *path = hosts_file("127.0.0.1 other.test\n");
	/* Nobody answers there. */
	struct resolver_options resolver = {
		.hosts_file = str_of(path), .servers = STR("127.0.0.1:9")};
	bench_init(&b, &resolver);
	struct service *s = bench_service(&b, "origin.test", 8, 8);
	ask_start(&b, s, false, &r);
	for (int i = 0; i < 100 && !r.is_told; i++) {
		loop_turn(b.loop, 1);
		loop_fake_advance(b.loop, 1000);
	}
	ck_assert(r.is_told);
	ck_assert_int_eq(r.rc, RC_NOT_FOUND);
	ck_assert_ptr_nonnull(strstr(r.text, "origin.test"));
	ask_deinit(&r);
	service_unref(s);
	bench_deinit(&b);
	remove_file(path);
}
END_TEST

START_TEST(names_a_service_as_its_host_field_has_it)
{
	static const struct {
		const char *scheme, *host;
		uint16_t port;
		const char *authority;
	} rows[] = {
		{"http", "a.test", 80, "a.test"},
		{"http", "a.test", 8080, "a.test:8080"},
		{"https", "a.test", 443, "a.test"},
		{"https", "a.test", 80, "a.test:80"},
		{"http", "::1", 80, "[::1]"},
		{"http", "::1", 81, "[::1]:81"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct service_options o = {.scheme = str_of(rows[i].scheme),
			.host = str_of(rows[i].host),
			.port = rows[i].port};
		struct service *s = service_new(&o);
		struct str authority = service_authority(s);
		ck_assert_msg(str_eq(authority, str_of(rows[i].authority)), "%.*s, not %s",
			STR_ARG(authority), rows[i].authority);
		service_unref(s);
	}
}
END_TEST

UNIT_SUITE(connect, tries_the_next_address_when_one_refuses,
	a_silent_address_gets_the_next_one_beside_it, a_family_that_has_won_goes_first,
	tells_that_every_address_refused, tells_that_a_name_does_not_exist,
	names_a_service_as_its_host_field_has_it)
