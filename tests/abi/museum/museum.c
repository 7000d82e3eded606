/* SPDX-License-Identifier: Apache-2.0 */
/* museum FOLDER [--print] - plugins that were built once, in the gateway of this build.
 *
 * Each exhibit of FOLDER/expect.txt ("name checks") is loaded, configured, gets a request with a
 * body, may pause, gets the response in pieces, answers another request by itself, is replaced by
 * another configuration while a request is under way, and is released. It checks itself what each
 * call gives, and logs an error where that is not what it was once; how many checks it made is
 * compared, so that no callback is left out. --print: the file as it would be now.
 */
#include "sluice/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS_MAX 200

static int wrong;

static void fail(const char *exhibit, const char *what)
{
	wrong++;
	printf("%s: %s\n", exhibit, what);
}

static void on_failure(void *arg, const char *message)
{
	fail(arg, message);
}

/* Pauses end by time that passes, and by jobs. */
static enum sluice_test_outcome wait_for(struct sluice_test *t, struct sluice_test_exchange *x)
{
	for (int i = 0; i < ROUNDS_MAX && sluice_test_outcome(x) == SLUICE_TEST_PAUSED; i++) {
		sluice_test_settle(t, 10);
		sluice_test_advance(t, 20);
	}
	return sluice_test_outcome(x);
}

static struct sluice_test_exchange *send(struct sluice_test *t)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "POST", "/orders/7?page=2&page=3");
	sluice_test_add(x, SLUICE_REQUEST, "x-tenant", "blue");
	sluice_test_add(x, SLUICE_REQUEST, "cookie", "a=1; b=2");
	sluice_test_add(x, SLUICE_REQUEST, "content-type", "application/json");
	sluice_test_send(x, "{\"item\": 7}");
	return x;
}

/* What the exhibit saw until then. */
static long finish(const char *exhibit, struct sluice_test *t, struct sluice_test_exchange *x)
{
	if (wait_for(t, x) != SLUICE_TEST_PASSED)
		fail(exhibit, "the request did not pass");
	else if (sluice_test_answer(x, 200, "made") != SLUICE_TEST_PASSED &&
		 wait_for(t, x) != SLUICE_TEST_PASSED)
		fail(exhibit, "the response did not pass");
	const char *seen = sluice_test_field(x, SLUICE_RESPONSE, "x-seen");
	long count = seen ? strtol(seen, NULL, 10) : 0;
	sluice_test_end(x);
	return count;
}

static void get_an_answer(const char *exhibit, struct sluice_test *t)
{
	struct sluice_test_exchange *x = sluice_test_request(t, "GET", "/answer");
	sluice_test_send(x, NULL);
	if (wait_for(t, x) != SLUICE_TEST_ANSWERED || sluice_test_status(x) != 403 ||
		strcmp(sluice_test_reason(x), "exhibit_closed") != 0)
		fail(exhibit, "no answer of its own");
	sluice_test_end(x);
}

/* "error: host.c:12: what": of its own; others are what a refused call has to say. */
static void look_at_log(const char *exhibit, struct sluice_test *t)
{
	char own[80];
	snprintf(own, sizeof(own), "error: %s.c:", exhibit);
	const char *found = strstr(sluice_test_log(t), own);
	if (found)
		fail(exhibit, found);
}

static long visit(const char *folder, const char *exhibit)
{
	char path[1024];
	snprintf(path, sizeof(path), "%s/%s.so", folder, exhibit);
	sluice_test_on_failure(on_failure, (void *)exhibit);
	struct sluice_test *t = sluice_test_new(path);
	sluice_test_bind(t, exhibit, "{service: museum}");
	sluice_test_upstream_field(
		sluice_test_upstream(t, "museum", "POST", "/ask", 201, "told"), "x-kind",
		"exhibit");
	if (sluice_test_problems(t)[0]) {
		fail(exhibit, sluice_test_problems(t));
		sluice_test_free(t);
		return -1;
	}
	sluice_test_split(t, 3);
	finish(exhibit, t, send(t));
	struct sluice_test_exchange *under_way = send(t);
	const char *problems = sluice_test_rebind(t, 0, "{again: true, service: museum}");
	if (problems[0])
		fail(exhibit, problems);
	finish(exhibit, t, under_way);
	get_an_answer(exhibit, t);
	long seen = finish(exhibit, t, send(t));
	look_at_log(exhibit, t);
	sluice_test_free(t);
	return seen;
}

int main(int argc, char **argv)
{
	char path[1024], line[80], name[64];
	int visited = 0, is_printing = argc > 2 && strcmp(argv[2], "--print") == 0;
	snprintf(path, sizeof(path), "%s/expect.txt", argc > 1 ? argv[1] : ".");
	FILE *f = fopen(path, "r");
	for (; f && fgets(line, sizeof(line), f); visited++) {
		char *digits = strchr(line, ' ');
		long expected = digits ? strtol(digits, NULL, 10) : 0;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(line, " \n"), line);
		long seen = visit(argv[1], name);
		if (is_printing)
			printf("%s %ld\n", name, seen);
		else if (seen != expected)
			wrong++, printf("%s: %ld checks, expected %ld\n", name, seen, expected);
	}
	if (f)
		fclose(f);
	if (!is_printing)
		printf("%d exhibits, %d wrong\n", visited, wrong);
	return visited > 0 && wrong == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
