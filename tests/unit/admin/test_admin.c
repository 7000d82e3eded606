/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"
#include "admin/admin.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[32], path[64];
static struct loop *loop;
static struct stream_group *group;
static struct admin *admin;
static size_t dump_bytes;
static unsigned reloads;

/* --- what is asked for ---------------------------------------------------------------------------
 */

static void give(struct admin_answer *a, uint16_t status, const char *type, const char *body)
{
	a->status = status;
	a->content_type = type;
	buffer_add(&a->body, str_of(body));
}

static void on_status(void *owner, struct admin_answer *a)
{
	ck_assert_ptr_eq(owner, folder);
	give(a, 200, "application/json", "{\"generation\": 3}");
}

static void on_dump(void *owner, struct admin_answer *a)
{
	give(a, 200, "application/json", "");
	for (size_t i = 0; i < dump_bytes && !a->body.failed; i += 1000) {
		char *to = buffer_reserve(&a->body, 1000);
		if (!to)
			break;
		memset(to, 'd', 1000);
		buffer_commit(&a->body, 1000);
	}
}

static void on_metrics(void *owner, struct admin_answer *a)
{
	give(a, 200, "text/plain; version=0.0.4", "up 1\n");
}

static void on_readiness(void *owner, struct admin_answer *a)
{
	give(a, 503, "application/json", "{\"ready\": false}");
}

static void on_liveness(void *owner, struct admin_answer *a)
{
	give(a, 200, "application/json", "{}");
}

static void on_reload(void *owner, struct admin_answer *a)
{
	reloads++;
	give(a, 202, "application/json", "{\"reload\": true}");
}

static void on_log_level(void *owner, struct admin_answer *a)
{
	give(a, 200, "application/json", "{\"level\": \"info\"}");
}

static void on_set_log_level(void *owner, struct admin_answer *a)
{
	bool is_debug = str_eq(a->query, STR("level=debug"));
	give(a, is_debug ? 200 : 400, "application/json", "{\"level\": \"debug\"}");
}

static const struct admin_source source = {
	.status = on_status,
	.dump = on_dump,
	.metrics = on_metrics,
	.readiness = on_readiness,
	.liveness = on_liveness,
	.reload = on_reload,
	.log_level = on_log_level,
	.set_log_level = on_set_log_level,
};

static void setup(void)
{
	struct loop_options options = {.fake_clock = true, .fake_wall_us = 1800000000000000};
	snprintf(folder, sizeof(folder), "%s/sluice-XXXXXX", P_tmpdir);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/admin.sock", folder);
	loop = loop_new(&options);
	group = stream_group_new(loop);
	admin = admin_new(group, &source, folder);
}

static void teardown(void)
{
	admin_free(admin);
	for (int i = 0; i < 10; i++)
		loop_turn(loop, 0);
	stream_group_free(group);
	loop_free(loop);
	unlink(path);
	rmdir(folder);
}

/* --- a client ------------------------------------------------------------------------------------
 */

static int dial_address(const struct address *at)
{
	int fd = socket(at->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (connect(fd, &at->u.sa, at->n) == 0) {
		ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		return fd;
	}
	close(fd);
	return -1;
}

static int dial(void)
{
	struct address at;
	ck_assert_int_eq(address_from_path(str_of(path), &at), RC_OK);
	int fd = dial_address(&at);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static void send_text(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

#define TEXT_BYTES (1u << 20)
static char text[TEXT_BYTES];

/* What came until the end, or until `part` is there. NULL: nothing, and it is closed. */
static const char *receive(int fd, const char *part)
{
	size_t n = 0;
	for (int turns = 0; turns < 2000; turns++) {
		ssize_t got = read(fd, text + n, TEXT_BYTES - 1 - n);
		if (got > 0)
			n += (size_t)got;
		text[n] = '\0';
		if (got == 0 || (got < 0 && errno == ECONNRESET))
			return n ? text : NULL;
		if (part && strstr(text, part))
			return text;
		loop_turn(loop, got > 0 ? 0 : 1);
	}
	ck_abort_msg("never came: %s, only %s", part ? part : "the end", text);
	return NULL;
}

/* One exchange on a connection of its own. */
static const char *ask_at(int fd, const char *method, const char *target)
{
	char head[256];
	snprintf(head, sizeof(head),
		"%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, target);
	send_text(fd, head);
	const char *answer = receive(fd, NULL);
	close(fd);
	ck_assert_ptr_nonnull(answer);
	return answer;
}

static void assert_part(const char *answer, const char *part)
{
	ck_assert_msg(strstr(answer, part) != NULL, "no %s in %s", part, answer);
}

static void listen_unix(void)
{
	ck_assert_int_eq(admin_listen_unix(admin, path), RC_OK);
}

/* --- the UNIX socket -----------------------------------------------------------------------------
 */

static const struct {
	const char *method, *target;
	const char *parts[3];
} rows[] = {
	{"GET", "/status",
		{"HTTP/1.1 200 OK\r\n", "application/json", "\r\n\r\n{\"generation\": 3}"}},
	{"GET", "/metrics", {" 200 ", "text/plain; version=0.0.4", "\r\n\r\nup 1\n"}},
	{"GET", "/probes/readiness", {" 503 ", "{\"ready\": false}", "no-store"}},
	{"GET", "/probes/liveness", {" 200 ", "Content-Length: 2\r\n", "{}"}},
	{"POST", "/reload", {" 202 ", "{\"reload\": true}", ""}},
	{"GET", "/reload", {" 405 ", "Allow: POST\r\n", "{\"error\": "}},
	{"POST", "/status", {" 405 ", "Allow: GET, HEAD\r\n", "{\"error\": "}},
	{"DELETE", "/metrics", {" 405 ", "Allow: GET, HEAD\r\n", "{\"error\": "}},
	{"GET", "/log-level", {" 200 ", "{\"level\": \"info\"}", ""}},
	{"PUT", "/log-level?level=debug", {" 200 ", "{\"level\": \"debug\"}", ""}},
	{"PUT", "/log-level", {" 400 ", "", ""}},
	{"POST", "/log-level", {" 405 ", "Allow: GET, HEAD, PUT\r\n", "{\"error\": "}},
	{"GET", "/", {" 404 ", "application/json", "{\"error\": "}},
	{"GET", "/status/", {" 404 ", "application/json", "{\"error\": "}},
	{"GET", "/probes", {" 404 ", "", ""}},
	{"GET", "/x/../status", {" 200 ", "", ""}},
	{"GET", "/status?verbose", {" 200 ", "", ""}},
	{"OPTIONS", "*", {" 404 ", "", ""}},
};

START_TEST(answers_by_path_and_method)
{
	listen_unix();
	const char *answer = ask_at(dial(), rows[_i].method, rows[_i].target);
	for (int k = 0; k < 3; k++)
		assert_part(answer, rows[_i].parts[k]);
	ck_assert_uint_eq(reloads,
		strcmp(rows[_i].method, "POST") == 0 && strcmp(rows[_i].target, "/reload") == 0);
	if (!strstr(answer, " 405 "))
		ck_assert_ptr_null(strstr(answer, "Allow:"));
}
END_TEST

START_TEST(answers_head_without_content)
{
	listen_unix();
	const char *answer = ask_at(dial(), "HEAD", "/status");
	assert_part(answer, " 200 ");
	assert_part(answer, "Content-Length: 17\r\n");
	ck_assert_str_eq(strstr(answer, "\r\n\r\n"), "\r\n\r\n");
}
END_TEST

START_TEST(keeps_the_connection_for_more_requests)
{
	listen_unix();
	int fd = dial();
	for (int i = 0; i < 3; i++) {
		send_text(fd, "GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n");
		assert_part(receive(fd, "{\"generation\": 3}"), " 200 ");
	}
	close(fd);
}
END_TEST

START_TEST(takes_requests_byte_by_byte)
{
	listen_unix();
	int fd = dial();
	const char request[] = "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
	for (size_t i = 0; i < sizeof(request) - 1; i++) {
		ck_assert_uint_eq(reloads, 0);
		ck_assert_int_eq(write(fd, request + i, 1), 1);
		loop_turn(loop, 0);
		loop_turn(loop, 0);
	}
	assert_part(receive(fd, "true}"), " 202 ");
	ck_assert_uint_eq(reloads, 1);
	close(fd);
}
END_TEST

START_TEST(throws_a_body_away)
{
	listen_unix();
	int fd = dial();
	char *body = heap_zalloc(100000);
	send_text(fd, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n");
	for (size_t sent = 0; sent < 200000;) {
		size_t n = 200000 - sent < 100000 ? 200000 - sent : 100000;
		ssize_t took = write(fd, body, n);
		sent += took > 0 ? (size_t)took : 0;
		loop_turn(loop, 0);
	}
	free(body);
	assert_part(receive(fd, "true}"), " 202 ");
	close(fd);
}
END_TEST

START_TEST(does_not_wait_for_a_body_for_ever)
{
	listen_unix();
	int fd = dial();
	send_text(fd, "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc");
	for (int i = 0; i < 10; i++)
		loop_turn(loop, 0);
	loop_fake_advance(loop, 11000);
	receive(fd, NULL);
	ck_assert_uint_eq(reloads, 0);
	close(fd);
}
END_TEST

START_TEST(survives_a_client_that_leaves)
{
	listen_unix();
	for (int i = 0; i < 2; i++) {
		int fd = dial();
		send_text(fd, i ? "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc"
				: "GET /sta");
		loop_turn(loop, 0);
		loop_turn(loop, 0);
		close(fd);
		for (int k = 0; k < 5; k++)
			loop_turn(loop, 0);
	}
	ck_assert_uint_eq(reloads, 0);
	assert_part(ask_at(dial(), "GET", "/status"), " 200 ");
}
END_TEST

START_TEST(refuses_garbage)
{
	listen_unix();
	int fd = dial();
	send_text(fd, "GET /status\r\n\r\n");
	assert_part(receive(fd, NULL), " 400 ");
	close(fd);
}
END_TEST

START_TEST(sends_large_answers_whole)
{
	dump_bytes = 900000;
	listen_unix();
	const char *answer = ask_at(dial(), "GET", "/dump");
	assert_part(answer, "Content-Length: 900000\r\n");
	ck_assert_uint_eq(strlen(strstr(answer, "\r\n\r\n") + 4), 900000);
}
END_TEST

START_TEST(refuses_to_give_more_than_64_mib)
{
	dump_bytes = 65u << 20;
	listen_unix();
	assert_part(ask_at(dial(), "GET", "/dump"), " 500 ");
}
END_TEST

START_TEST(the_socket_is_for_the_owner_alone)
{
	struct stat st;
	umask(0);
	listen_unix();
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISSOCK(st.st_mode));
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(umask(0), 0);
}
END_TEST

/* Even where the file's mode would let it in. Needs root, for becoming somebody else. */
START_TEST(turns_other_users_away)
{
	if (geteuid() != 0)
		return;
	listen_unix();
	ck_assert_int_eq(chmod(path, 0777) | chmod(folder, 0777), 0);
	int ready[2];
	ck_assert_int_eq(pipe(ready), 0);
	pid_t child = fork();
	if (child == 0) {
		if (setgid(65534) != 0 || setuid(65534) != 0)
			_exit(9);
		int fd = dial();
		(void)!write(ready[1], "x", 1);
		fcntl(fd, F_SETFL, 0);
		(void)!write(fd, "GET /status HTTP/1.0\r\n\r\n", 24);
		_exit(read(fd, text, 1) > 0 ? 1 : 0);
	}
	ck_assert_int_eq(read(ready[0], text, 1), 1);
	int status = -1;
	while (waitpid(child, &status, WNOHANG) == 0)
		loop_turn(loop, 1);
	ck_assert_int_eq(status, 0);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

START_TEST(replaces_a_socket_that_nobody_listens_on)
{
	struct address at;
	int fd;
	ck_assert_int_eq(address_from_path(str_of(path), &at), RC_OK);
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, &at.u.sa, at.n), 0);
	close(fd);
	listen_unix();
	assert_part(ask_at(dial(), "GET", "/status"), " 200 ");
}
END_TEST

START_TEST(leaves_a_socket_that_somebody_listens_on)
{
	struct admin *other = admin_new(group, &source, folder);
	listen_unix();
	ck_assert_int_eq(admin_listen_unix(other, path), RC_EXISTS);
	admin_free(other);
	assert_part(ask_at(dial(), "GET", "/status"), " 200 ");
}
END_TEST

START_TEST(leaves_a_file_that_is_no_socket)
{
	struct stat st;
	int fd = open(path, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(admin_listen_unix(admin, path), RC_IO);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert(S_ISREG(st.st_mode));
}
END_TEST

START_TEST(refuses_a_path_that_is_too_long)
{
	char name[200];
	memset(name, 'x', sizeof(name));
	name[0] = '/';
	name[sizeof(name) - 1] = '\0';
	ck_assert_int_eq(admin_listen_unix(admin, name), RC_IO);
	ck_assert_int_eq(errno, ENAMETOOLONG);
}
END_TEST

START_TEST(the_idlest_connection_gives_way)
{
	int fds[ADMIN_CONNECTIONS_MAX];
	listen_unix();
	for (int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		fds[i] = dial();
		loop_turn(loop, 0);
		loop_fake_advance(loop, 10);
	}
	/* The first one speaks, so the second is the idlest. */
	send_text(fds[0], "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
	assert_part(receive(fds[0], "3}"), " 200 ");
	assert_part(ask_at(dial(), "GET", "/status"), " 200 ");
	ck_assert_ptr_null(receive(fds[1], NULL));
	for (int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		if (i != 1) {
			send_text(fds[i], "GET /status HTTP/1.1\r\nHost: x\r\n\r\n");
			assert_part(receive(fds[i], "3}"), " 200 ");
		}
		close(fds[i]);
	}
}
END_TEST

START_TEST(busy_connections_do_not_give_way)
{
	int fds[ADMIN_CONNECTIONS_MAX];
	listen_unix();
	for (int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		fds[i] = dial();
		send_text(fds[i], "POST /reload HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n");
		loop_turn(loop, 0);
		loop_turn(loop, 0);
	}
	int one_more = dial();
	ck_assert_ptr_null(receive(one_more, NULL));
	close(one_more);
	for (int i = 0; i < ADMIN_CONNECTIONS_MAX; i++) {
		send_text(fds[i], "x");
		assert_part(receive(fds[i], "true}"), " 202 ");
		close(fds[i]);
	}
}
END_TEST

/* --- TCP -----------------------------------------------------------------------------------------
 */

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
	struct address at;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), 0, &at), RC_OK);
	ck_assert_int_eq(bind(fd, &at.u.sa, at.n), 0);
	socklen_t n = sizeof(at.u);
	ck_assert_int_eq(getsockname(fd, &at.u.sa, &n), 0);
	close(fd);
	return address_port(&at);
}

static struct address listen_tcp(void)
{
	struct address at;
	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), free_port(), &at), RC_OK);
		if (admin_listen_tcp(admin, &at, 1) == RC_OK)
			return at;
	}
	ck_abort_msg("no port");
	return at;
}

START_TEST(tcp_offers_metrics_and_probes_to_read)
{
	struct address at = listen_tcp();
	static const char *const table[][3] = {{"GET", "/metrics", " 200 "},
		{"GET", "/probes/readiness", " 503 "}, {"GET", "/probes/liveness", " 200 "},
		{"HEAD", "/metrics", " 200 "}, {"POST", "/metrics", " 405 "},
		{"GET", "/status", " 404 "}, {"GET", "/dump", " 404 "},
		{"POST", "/reload", " 404 "}, {"GET", "/reload", " 404 "},
		{"PUT", "/log-level?level=debug", " 404 "}};
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_part(ask_at(dial_address(&at), table[i][0], table[i][1]), table[i][2]);
	ck_assert_uint_eq(reloads, 0);
}
END_TEST

START_TEST(tcp_moves_and_ends)
{
	struct address first = listen_tcp();
	ck_assert_int_eq(admin_listen_tcp(admin, &first, 1), RC_OK);
	assert_part(ask_at(dial_address(&first), "GET", "/metrics"), " 200 ");
	struct address second = listen_tcp();
	ck_assert_int_lt(dial_address(&first), 0);
	assert_part(ask_at(dial_address(&second), "GET", "/metrics"), " 200 ");
	ck_assert_int_eq(admin_listen_tcp(admin, NULL, 0), RC_OK);
	ck_assert_int_lt(dial_address(&second), 0);
}
END_TEST

START_TEST(two_tcp_listeners_may_change_places)
{
	struct address both[2] = {listen_tcp()};
	both[1] = both[0];
	ck_assert_int_eq(admin_listen_tcp(admin, both, 2), RC_OK); /* one and the same */
	do
		ck_assert_int_eq(address_from_ip(STR("127.0.0.1"), free_port(), &both[1]), RC_OK);
	while (admin_listen_tcp(admin, both, 2) != RC_OK);
	struct address swapped[2] = {both[1], both[0]};
	ck_assert_int_eq(admin_listen_tcp(admin, swapped, 2), RC_OK);
	for (int i = 0; i < 2; i++)
		assert_part(ask_at(dial_address(&both[i]), "GET", "/metrics"), " 200 ");
	ck_assert_int_eq(admin_listen_tcp(admin, &both[1], 1), RC_OK);
	ck_assert_int_lt(dial_address(&both[0]), 0);
	assert_part(ask_at(dial_address(&both[1]), "GET", "/metrics"), " 200 ");
}
END_TEST

static Suite *make_admin(void)
{
	Suite *suite = suite_create("admin");
	TCase *tcase = tcase_create("admin");
	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, answers_by_path_and_method, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, answers_head_without_content);
	tcase_add_test(tcase, keeps_the_connection_for_more_requests);
	tcase_add_test(tcase, takes_requests_byte_by_byte);
	tcase_add_test(tcase, throws_a_body_away);
	tcase_add_test(tcase, does_not_wait_for_a_body_for_ever);
	tcase_add_test(tcase, survives_a_client_that_leaves);
	tcase_add_test(tcase, refuses_garbage);
	tcase_add_test(tcase, sends_large_answers_whole);
	tcase_add_test(tcase, refuses_to_give_more_than_64_mib);
	tcase_add_test(tcase, the_socket_is_for_the_owner_alone);
	tcase_add_test(tcase, turns_other_users_away);
	tcase_add_test(tcase, replaces_a_socket_that_nobody_listens_on);
	tcase_add_test(tcase, leaves_a_socket_that_somebody_listens_on);
	tcase_add_test(tcase, leaves_a_file_that_is_no_socket);
	tcase_add_test(tcase, refuses_a_path_that_is_too_long);
	tcase_add_test(tcase, the_idlest_connection_gives_way);
	tcase_add_test(tcase, busy_connections_do_not_give_way);
	tcase_add_test(tcase, tcp_offers_metrics_and_probes_to_read);
	tcase_add_test(tcase, tcp_moves_and_ends);
	tcase_add_test(tcase, two_tcp_listeners_may_change_places);
	suite_add_tcase(suite, tcase);
	return suite;
}

__attribute__((constructor)) static void register_admin(void)
{
	static struct unit_suite entry = {"admin", make_admin, NULL};
	unit_register(&entry);
}
