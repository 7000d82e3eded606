/* SPDX-License-Identifier: Apache-2.0 */
/* TLS to an upstream, and the server role's end of a failed handshake. */
#include "unit.h"

#include "bench.h"
#include "net/tls.h"

/* For `localhost` and 127.0.0.1, signed by itself, until 2126. */
static const char certificate[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBnzCCAUWgAwIBAgIUO4VGaXMk3lgySM+NFo7iJI6qhMUwCgYIKoZIzj0EAwIw\n"
	"FjEUMBIGA1UEAwwLb3JpZ2luLnRlc3QwIBcNMjYxMTI0MjAwMDA2WhgPMjEyNjEw\n"
	"MzEyMDAwMDZaMBYxFDASBgNVBAMMC29yaWdpbi50ZXN0MFkwEwYHKoZIzj0CAQYI\n"
	"KoZIzj0DAQcDQgAExIhIKlCmeLaBQGi7DZSyC4RtojqDmuKdh40IKk6AfANKZmLc\n"
	"niygJxORkOuS35E7ia+X8p+q7ojMexg78sP0OaNvMG0wHQYDVR0OBBYEFHw1EOXz\n"
	"W2xG+0YhRoKGge6Sz9U0MB8GA1UdIwQYMBaAFHw1EOXzW2xG+0YhRoKGge6Sz9U0\n"
	"MA8GA1UdEwEB/wQFMAMBAf8wGgYDVR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMAoG\n"
	"CCqGSM49BAMCA0gAMEUCIAiv9OidGqnu+YGEu5xgffraUWBdbMcCCLuMo4yLcvlr\n"
	"AiEAmBEl9tv7dtM5m16npp3BlMzKVZGHxtWQ7Q3WYm6GGuA=\n"
	"-----END CERTIFICATE-----\n";
static const char key[] = "-----BEGIN PRIVATE KEY-----\n"
			  "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgFqStL8fX8vJ6tvXi\n"
			  "OBREQIF04zV5irTlCsOmH1Uy6JmhRANCAATEiEgqUKZ4toFAaLsNlLILhG2iOoOa\n"
			  "4p2HjQgqToB8A0pmYtyeLKAnE5GQ65LfkTuJr5fyn6ruiMx7GDvyw/Q5\n"
			  "-----END PRIVATE KEY-----\n";

static struct tls_context *server_context(void)
{
	struct tls_context *c;
	char message[256];
	struct tls_server_options o = {.certificate.crt_pem = STR(certificate), .certificate.key_pem = STR(key)};
	ck_assert_int_eq(tls_server_context_new(&o, &c, message, sizeof(message)), RC_OK);
	return c;
}

static struct tls_context *client_context(bool trusts)
{
	struct tls_context *c;
	char message[256];
	struct tls_client_options o = {.trusted_ca_pem = trusts ? STR(certificate) : STR_EMPTY};
	ck_assert_int_eq(tls_client_context_new(&o, &c, message, sizeof(message)), RC_OK);
	return c;
}

/* The bench's origin with TLS, and a service that knows it by `host`. */
static struct service *begin(struct bench *b, const char *host, bool trusts)
{
	bench_init(b, NULL);
	b->origin.tls = server_context();
	struct service_options o = {
		.name = STR("default/tls"),
		.scheme = STR("https"),
		.host = str_of(host),
		.port = address_port(&b->origin.address),
		.tls = client_context(trusts),
		.connect_timeout_ms = 3000,
		.idle_timeout_ms = 60000,
		.connections_max = 8,
		.waiters_max = 8,
	};
	struct service *s = service_new(&o);
	tls_context_unref(o.tls);
	return s;
}

static void end(struct bench *b, struct service *s)
{
	service_unref(s);
	struct tls_context *c = b->origin.tls;
	bench_deinit(b);
	tls_context_unref(c);
}

START_TEST(keeps_tls_connections_to_names_and_addresses)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};
	for (int h = 0; h < 2; h++) {
		struct bench b;
		struct request r;
		struct service *s = begin(&b, hosts[h], true);
		for (int i = 0; i < 3; i++) {
			ask_run(&b, s, false, &r);
			ck_assert_msg(r.rc == RC_OK, "%s", r.text);
			ck_assert_uint_eq(r.status, 200);
			ck_assert_int_eq(r.reused, i > 0);
		}
		end(&b, s);
	}
}
END_TEST

START_TEST(tells_that_a_certificate_is_not_trusted)
{
	struct bench b;
	struct request r;
	struct service *s = begin(&b, "127.0.0.1", false);
	ask_run(&b, s, false, &r);
	ck_assert_int_eq(r.rc, RC_INVALID);
	ck_assert_ptr_nonnull(strstr(r.text, "certificate"));
	bench_settle(&b);
	ck_assert_uint_eq(b.origin.handshakes_failed, 1); /* it hears the alert */
	end(&b, s);
}
END_TEST

START_TEST(tells_that_the_upstream_speaks_no_tls)
{
	struct bench b;
	struct request r;
	struct service *s = begin(&b, "127.0.0.1", true);
	struct tls_context *c = b.origin.tls;
	b.origin.tls = NULL;
	ask_run(&b, s, false, &r);
	ck_assert_int_eq(r.rc, RC_INVALID);
	b.origin.tls = c;
	end(&b, s);
}
END_TEST

/* A client without TLS at a port with it. */
START_TEST(an_origin_tells_of_a_failed_handshake)
{
	struct bench b;
	struct request r;
	struct service *s = begin(&b, "127.0.0.1", true);
	struct service *plain = bench_service(&b, NULL, 8, 8);
	ask_start(&b, plain, false, &r);
	bench_turn_until(&b, &r.is_whole);
	ck_assert(r.is_reset);
	ck_assert_uint_eq(b.origin.handshakes_failed, 1);
	http_stream_release(r.stream);
	ask_deinit(&r);
	service_unref(plain);
	end(&b, s);
}
END_TEST

UNIT_SUITE(upstream_tls, keeps_tls_connections_to_names_and_addresses,
	tells_that_a_certificate_is_not_trusted, tells_that_the_upstream_speaks_no_tls,
	an_origin_tells_of_a_failed_handshake)
