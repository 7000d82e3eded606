/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/http.h - requests of a policy's own, to services that its configuration names.
 *
 *	s->auth = host->target(call->instance, host->value_get(config, SLUICE_STR("authorizer")));
 *	...
 *	if (!host->resumed(x)) {
 *	        if (http->begin(x, s->auth, &request) != SLUICE_OK)
 *	                return SLUICE_FAIL;
 *	        return host->wait(x, 2000);
 *	}
 *	struct sluice_http_response response = {.size = sizeof(response)};
 *	if (http->take(x, &response) != SLUICE_OK || response.result != SLUICE_OK)
 *	        return SLUICE_FAIL;          // no answer: response.message says why
 *	... response.status, response.body
 *
 * They go through the connections, the TLS settings, the circuit breaker and the metrics of the
 * service. A response comes as a whole; interim ones are passed over, redirects are not followed,
 * contents are not decoded. What goes out in fields and paths is checked as the client's would be.
 *
 * A request is sent again at most once, and only where it went over a connection that had served
 * others before: where that closed or broke before a byte of an answer came, and the method is idempotent
 * (GET, HEAD, PUT, DELETE, OPTIONS, TRACE); or, whatever the method is, where nobody can have looked at it:
 * the connection ended before the request began, or the service says so (HTTP/2: REFUSED_STREAM, or behind a
 * GOAWAY).
 *
 * Bounds: SLUICE_HTTP_EXCHANGE_MAX requests of one exchange, SLUICE_HTTP_INSTANCE_MAX of one
 * instance under way; SLUICE_HTTP_EXCHANGE_BYTES_MAX that all bodies of one exchange may come to,
 * SLUICE_HTTP_INSTANCE_BYTES_MAX those of one instance.
 */
#ifndef SLUICE_HTTP_H
#define SLUICE_HTTP_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_HTTP_SERVICE "sluice.http/1"

/* The answer comes later: wait for it. */
#ifndef SLUICE_PENDING
#define SLUICE_PENDING 1
#endif

#define SLUICE_HTTP_EXCHANGE_MAX       16
#define SLUICE_HTTP_INSTANCE_MAX       4096
#define SLUICE_HTTP_BODY_BYTES_MAX     8388608
#define SLUICE_HTTP_EXCHANGE_BYTES_MAX 33554432
#define SLUICE_HTTP_INSTANCE_BYTES_MAX 268435456

/* Everything is copied before the call returns. */
struct sluice_http_request {
	uint32_t size;
	uint32_t timeout_ms;     /* for all of it, 1 to 600,000; 0: 10,000 */
	struct sluice_str method; /* empty: GET; anything but CONNECT */
	/* Put behind the target's own path: "/v1/check?full=1", canonicalised as a client's would be;
	 * empty: the target's path alone. */
	struct sluice_str path;
	const struct sluice_str *fields; /* name, value, name, value, ...; may be NULL */
	size_t field_count;              /* pairs */
	struct sluice_str body;          /* at most SLUICE_HTTP_BODY_BYTES_MAX */
	uint64_t response_bytes_max;     /* of the response's body, at most 32 MiB; 0: 1 MiB */
};

struct sluice_http_fields;

struct sluice_http_response {
	uint32_t size;
	/* SLUICE_OK: a whole response came, whatever its status. SLUICE_E_UNAVAILABLE: none did (no
	 * connection, no place for one, broken off, no HTTP). SLUICE_E_TIMEOUT: not in time.
	 * SLUICE_E_FULL: its body is larger than it may be. */
	int32_t result;
	int32_t status;    /* 200 to 599; 0: no head came */
	uint32_t reserved;
	struct sluice_str body;                  /* empty unless the result is SLUICE_OK */
	struct sluice_str message;               /* what went wrong, one sentence for the log; or empty */
	const struct sluice_http_fields *fields; /* for field_get, field_next; NULL: no head came */
};

/* Views in `response` are valid in this call only. */
typedef void sluice_http_fn(
	const struct sluice_call *call, const struct sluice_http_response *response, void *arg);

struct sluice_http_service {
	uint32_t size;
	uint32_t reserved;

	/* Exchange callbacks up to response_end: an operation of the exchange, for host->wait; several
	 * may be under way. Cancelled when the exchange ends. SLUICE_E_INVALID: the request breaks its
	 * contract (a field that is the gateway's, no path). SLUICE_E_FULL: more than may be under way.
	 * SLUICE_E_UNAVAILABLE: this gateway calls nobody. */
	int32_t (*begin)(struct sluice_exchange *exchange, const struct sluice_target *target,
		const struct sluice_http_request *request);

	/* What came of the oldest that this binding has begun in this direction and not taken.
	 * SLUICE_PENDING: it is under way. SLUICE_E_NOT_FOUND: there is none. Views in `response` are
	 * valid until the exchange's end, in this binding's callbacks. */
	int32_t (*take)(struct sluice_exchange *exchange, struct sluice_http_response *response);

	/* On a worker, from worker_start on: for the instance. `fn` is called on this worker, exactly
	 * once, from its loop; with SLUICE_E_UNAVAILABLE before worker_stop when it is under way then
	 * (what would begin in such an answer is refused so). Not called when SLUICE_OK was not returned. */
	int32_t (*start)(const struct sluice_call *call, const struct sluice_target *target,
		const struct sluice_http_request *request, sluice_http_fn *fn, void *arg);

	/* Of a response, as long as its views are valid. `response` and its `fields` may be NULL. The first
	 * value; SLUICE_E_NOT_FOUND. */
	int32_t (*field_get)(const struct sluice_http_response *response, struct sluice_str name,
		struct sluice_str *value);
	/* All values of one name, or with an empty name all fields: start with *at = 0. `name_out` may be
	 * NULL. SLUICE_E_NOT_FOUND at the end. */
	int32_t (*field_next)(const struct sluice_http_response *response, struct sluice_str name,
		uint32_t *at, struct sluice_str *name_out, struct sluice_str *value);
};

#ifdef __cplusplus
}
#endif
#endif
