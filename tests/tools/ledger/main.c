/* SPDX-License-Identifier: Apache-2.0 */
/* ledger load|h2-load|origin - no request lost, none answered twice, none with another's answer: proved by
 * three books that have to agree.
 *
 * `ledger origin` serves and `ledger load` asks, through a gateway between them. Every request has
 * a nonce; every byte of every body follows from it. The client writes down how each request ended,
 * the origin what it was asked and gave, the gateway its access records.
 *
 *   ledger origin --ledger FILE [--host 127.0.0.1] [--port 0]
 *       prints "port N", serves until SIGTERM. Lines: nonce, outcome, bytes received, bytes sent.
 *       Outcomes: whole, wrong-body, cut-request, cut-response, malformed, surplus.
 *
 *   ledger load --port N --ledger FILE [--host 127.0.0.1] [--authority HOST] [--base /path]
 *       --keepalive N   connections that are used again and again (default 8)
 *       --think MS      the longest pause before the next request on such a one (10)
 *       --rate N        new connections a second, each for one request (0)
 *       --streams N     connections with long paced bodies, downloads and uploads in turn (0)
 *       --uploads PCT   how many of the others are POSTs with a body (30)
 *       --body BYTES    the largest of their bodies (16384)
 *       --stream-bytes BYTES, --pause MS    of the streams (262144, 50)
 *       --seconds S, --requests N           the end, else SIGTERM
 *       --timeout S     without progress, after which a request has failed (15)
 *       --drain S       for what is under way at the end (15)
 *       --seed N        else random; printed
 *       Lines: nonce, outcome, status, new|reused, milliseconds of begin, of the last byte sent
 *       (-1: not all was sent) and of the end. The last line on standard output is JSON: the number
 *       of each outcome, and the seed.
 *
 * A request is never sent twice. Its outcome is one of
 *   ok            the whole right answer
 *   refused       the connection was refused          unreachable  it failed in another way
 *   reset, eof    RST or FIN before a byte of the answer
 *   partial       RST or FIN inside it                timeout      neither, for too long
 *   wrong-owner   the answer to another request       wrong-body   a byte differs, in either body
 *   status        another status than 200             malformed    not HTTP
 *   unfinished    still under way at the very end
 * HTTP/1.1 in clear text. `ledger h2-load` has the same options and asks by HTTP/2 with prior knowledge:
 *       --keepalive N   connections; one that gets a GOAWAY is followed by another
 *       --multiplex N   requests at a time on each (4)
 *       --streams N     of the connections have a long paced body besides (0); there is no --rate
 * A stream that is reset has the outcome reset or partial, of whatever kind the error is. */
#include "ledger.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>

volatile sig_atomic_t ledger_is_stopped;

static void on_signal(int number)
{
	(void)number;
	ledger_is_stopped = 1;
}

static const struct option names[] = {
	{"host", required_argument, NULL, 'h'},
	{"port", required_argument, NULL, 'p'},
	{"ledger", required_argument, NULL, 'l'},
	{"base", required_argument, NULL, 'b'},
	{"authority", required_argument, NULL, 'a'},
	{"keepalive", required_argument, NULL, 'k'},
	{"think", required_argument, NULL, 't'},
	{"rate", required_argument, NULL, 'r'},
	{"multiplex", required_argument, NULL, 'm'},
	{"streams", required_argument, NULL, 's'},
	{"uploads", required_argument, NULL, 'u'},
	{"body", required_argument, NULL, 'B'},
	{"stream-bytes", required_argument, NULL, 'S'},
	{"pause", required_argument, NULL, 'P'},
	{"seconds", required_argument, NULL, 'd'},
	{"requests", required_argument, NULL, 'n'},
	{"timeout", required_argument, NULL, 'T'},
	{"drain", required_argument, NULL, 'D'},
	{"seed", required_argument, NULL, 'x'},
	{0},
};

static void take(struct load_options *o, int option, const char *value)
{
	unsigned n = (unsigned)strtoul(value, NULL, 10);
	switch (option) {
	/* clang-format off */
	case 'h': o->host = value; break;
	case 'p': o->port = (int)n; break;
	case 'l': o->ledger = value; break;
	case 'b': o->base = value; break;
	case 'a': o->authority = value; break;
	case 'k': o->keepalive = n; break;
	case 't': o->think_ms = n; break;
	case 'r': o->rate = n; break;
	case 'm': o->multiplex = n; break;
	case 's': o->streams = n; break;
	case 'u': o->uploads = n; break;
	case 'B': o->body_bytes = n; break;
	case 'S': o->stream_bytes = n; break;
	case 'P': o->pause_ms = n; break;
	case 'd': o->seconds = strtod(value, NULL); break;
	case 'n': o->requests = strtoull(value, NULL, 10); break;
	case 'T': o->timeout_ms = n * 1000; break;
	case 'D': o->drain_ms = n * 1000; break;
	case 'x': o->seed = n; break;
	/* clang-format on */
	default:
		fprintf(stderr, "ledger: see the head of main.c for the options\n");
		exit(2);
	}
}

static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct load_options o = {
		.host = "127.0.0.1",
		.base = "",
		.authority = "ledger.test",
		.keepalive = 8,
		.multiplex = 4,
		.think_ms = 10,
		.uploads = 30,
		.body_bytes = 16384,
		.stream_bytes = 262144,
		.pause_ms = 50,
		.timeout_ms = 15000,
		.drain_ms = 15000,
	};
	int option;
	if (getrandom(&o.seed, sizeof(o.seed), 0) != sizeof(o.seed))
		o.seed = 1;
	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1)
		take(&o, option, optarg);
	const char *command = optind == argc - 1 ? argv[optind] : "";
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	/* A load that nobody will read asks nobody any more. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	allow_descriptors();
	if (o.ledger && strcmp(command, "origin") == 0)
		origin_run(&(struct origin_options){o.host, o.ledger, o.port});
	else if (o.ledger && o.port && strcmp(command, "load") == 0)
		load_run(&o);
	else if (o.ledger && o.port && strcmp(command, "h2-load") == 0)
		h2_load_run(&o);
	else
		take(&o, '?', "");
	return 0;
}
