/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/sluice.h - the stable ABI between the gateway and its policy plugins.
 *
 * A plugin is one shared object with one exported function, sluice_plugin_v1, which returns static
 * descriptors. Everything the gateway offers comes through tables that are passed in, so a plugin
 * links with -z defs and needs nothing of the gateway.
 *
 * Rules
 *   - Every struct begins with its size. Fields are only ever appended; a field beyond the size the
 *     other side gave counts as zero. SLUICE_HAS tells whether a table has a field.
 *   - Handles are opaque. Strings are views: valid until the callback returns, or until the map
 *     that they came from is changed, whichever is first. Nothing is NUL-terminated.
 *   - Memory belongs to the host: what an exchange allocates dies with the exchange, what an
 *     instance allocates is given back by the plugin, at the latest in `release`.
 *   - A call that is not legal in the current callback does nothing and returns
 *     SLUICE_E_WRONG_CALLBACK, or nothing where it gives something else; this table's and the
 *     services' alike. The log names, once for an instance, the callbacks in which it is.
 *   - Threads: `load`, `unload`, `configure`, `release` run on the main thread; every exchange
 *     callback runs on the worker that owns the exchange. An instance is shared by all workers,
 *     so what a callback changes in it needs atomics or locks; worker data needs none.
 *   - No callback may block. One that computes for 2 s, or sleeps or waits for 5 s, ends the
 *     process with its name in the log; load, configure and release have 10 s and 30 s.
 *
 * Version 0.9: all the machinery of the promise (a plugin built with SDK 1.x loads on every 1.y >=
 * x) works, the promise itself begins with 1.0.
 */
#ifndef SLUICE_SLUICE_H
#define SLUICE_SLUICE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_ABI_MAJOR 0
#define SLUICE_ABI_MINOR 9

/* Whether the table `t` is long enough to hold `field`, and holds something. */
#define SLUICE_HAS(t, field)                                                                       \
	((t)->size >= offsetof(__typeof__(*(t)), field) + sizeof((t)->field) && (t)->field)

#if defined(__GNUC__)
#define SLUICE_EXPORT __attribute__((visibility("default")))
#else
#define SLUICE_EXPORT
#endif

/* --- values ---------------------------------------------------------------------------------- */

struct sluice_str {
	const char *p;
	size_t n;
};

/* Results of calls: >= 0 is success. */
enum {
	SLUICE_OK = 0,
	SLUICE_E_INVALID = -1,        /* an argument breaks its contract */
	SLUICE_E_WRONG_CALLBACK = -2, /* not legal here; the log says where it is */
	SLUICE_E_NOT_FOUND = -3,
	SLUICE_E_FULL = -4,  /* a budget is exhausted */
	SLUICE_E_STALE = -5, /* the token's exchange is gone, or was resumed already */
	SLUICE_E_UNSUPPORTED = -6,
	SLUICE_E_RUNTIME = -7,    /* an expression failed; the message says why */
	SLUICE_E_CONFLICT = -8,   /* something else stands there than was expected */
	SLUICE_E_UNAVAILABLE = -9, /* whoever should answer cannot be reached */
	SLUICE_E_TIMEOUT = -10     /* no answer came in time */
};

/* What a callback decides. Any other number counts as SLUICE_FAIL. */
enum {
	SLUICE_CONTINUE = 0, /* go on with the next policy */
	SLUICE_PAUSE = 1,    /* after host->pause: wait for the token to be resumed */
	SLUICE_RESPONDED =
		2,      /* after host->respond: the answer is given; later policies don't run */
	SLUICE_FAIL = 3 /* this policy cannot do its work: 503, or onError decides */
};

/* A paused exchange, checked by generation: never a pointer. 0 is no token. */
typedef uint64_t sluice_token;

struct sluice_exchange; /* one request and its response */
struct sluice_instance; /* one binding of a policy, configured */
struct sluice_value;    /* a node of the configuration; lives until `release` */
struct sluice_field;    /* a field that was checked in `configure`; lives until `release` */
struct sluice_claims;   /* claims that were read once; memory of the instance */
struct sluice_target;   /* a service that the configuration names; lives until `release` */

enum sluice_value_type {
	SLUICE_NULL,
	SLUICE_BOOL,
	SLUICE_INTEGER,
	SLUICE_REAL,
	SLUICE_STRING,
	SLUICE_ARRAY,
	SLUICE_OBJECT
};

enum sluice_log_level { SLUICE_LOG_DEBUG, SLUICE_LOG_INFO, SLUICE_LOG_WARN, SLUICE_LOG_ERROR };

/* Which fields: of the head, or behind the content, of the request or the response. The response
 * exists from response_head on. Trailers are there once the message is whole: in the body callback
 * that sees its `end`, in request_end or response_end, and from then on. */
enum sluice_side {
	SLUICE_REQUEST,
	SLUICE_RESPONSE,
	SLUICE_REQUEST_TRAILERS,
	SLUICE_RESPONSE_TRAILERS
};

/* Facts about an exchange, by `host->fact`. */
enum sluice_fact {
	SLUICE_FACT_METHOD,
	SLUICE_FACT_PATH,  /* canonical, as it will be sent on */
	SLUICE_FACT_QUERY, /* raw, without '?' */
	SLUICE_FACT_AUTHORITY,
	SLUICE_FACT_SCHEME,
	SLUICE_FACT_VERSION, /* "1.1" */
	SLUICE_FACT_TARGET,  /* as received */
	SLUICE_FACT_CLIENT_ADDRESS,
	SLUICE_FACT_LOCAL_ADDRESS,
	SLUICE_FACT_REQUEST_ID,
	SLUICE_FACT_API, /* "namespace/name" */
	SLUICE_FACT_BINDING,
	SLUICE_FACT_TLS_VERSION,
	SLUICE_FACT_TLS_SERVER_NAME,
	SLUICE_FACT_PRINCIPAL, /* of the authentication object */
	SLUICE_FACT_CLIENT_ID,
	SLUICE_FACT_CLIENT_NAME,
	SLUICE_FACT_METHOD_RECEIVED, /* before any method_set */
	SLUICE_FACT_API_NAME,
	SLUICE_FACT_API_NAMESPACE,
	SLUICE_FACT_BINDING_NAME, /* of its PolicyBinding; of a policy in an ApiInstance the policy's
				     own, "#2" and so on behind that of a second one */
	SLUICE_FACT_BINDING_NAMESPACE,
	SLUICE_FACT_POLICY,         /* without "-flex" */
	SLUICE_FACT_STAGE,          /* of the policy's definition: "authn" */
	SLUICE_FACT_GATEWAY_VERSION /* "0.9.0" */
};

/* Whose labels, for `label_get`. */
enum sluice_labels {
	SLUICE_LABELS_API,    /* of the ApiInstance */
	SLUICE_LABELS_BINDING /* of the PolicyBinding; a policy in an ApiInstance has none */
};

/* Callbacks of the chain, as bits; for `host->callbacks_omit`. */
enum {
	SLUICE_OMIT_REQUEST_HEAD = 1,
	SLUICE_OMIT_REQUEST_BODY = 2,
	SLUICE_OMIT_REQUEST_END = 4,
	SLUICE_OMIT_RESPONSE_HEAD = 8,
	SLUICE_OMIT_RESPONSE_BODY = 16,
	SLUICE_OMIT_RESPONSE_END = 32,
	SLUICE_OMIT_LOG = 64,
	SLUICE_OMIT_FRAME = 128
};

/* A slice of a body; valid until the callback returns. */
struct sluice_body {
	uint32_t size;
	uint32_t end;            /* 1: these are the last bytes (in `buffer` mode always) */
	struct sluice_str bytes; /* contiguous; may be empty when `end` */
};

/* --- the host -------------------------------------------------------------------------------- */

struct sluice_host {
	uint32_t size;
	uint32_t abi_major;
	uint32_t abi_minor;
	uint32_t reserved;

	/* A named table of more services ("sluice.expr/1", sluice/expr.h), or NULL. Any time, any
	 * thread; the table lives as long as the process. */
	const void *(*service)(const char *name);

	/* - log and metrics - */
	/* One line with the binding's id and, where there is one, the request id. `exchange` may be
	 * NULL. Any callback. */
	void (*log)(struct sluice_instance *instance, struct sluice_exchange *exchange,
		enum sluice_log_level level, struct sluice_str message);
	/* `configure` only: defines a counter of this binding, sluice_policy_<name>_total with the
	 * binding as label; the metric's handle >= 0, or an error. Name: [a-z][a-z0-9_]{0,47}. */
	int32_t (*counter_define)(struct sluice_instance *instance, struct sluice_str name,
		struct sluice_str description);
	/* Exchange callbacks, and what services call on a worker. */
	void (*counter_add)(struct sluice_instance *instance, int32_t counter, uint64_t n);

	/* - memory - */
	/* Exchange callbacks. Aligned to 16, not zeroed; NULL when the budget of the exchange is
	 * spent. Goes with the exchange. */
	void *(*exchange_alloc)(struct sluice_exchange *exchange, size_t size);
	/* Any thread. Aligned to 16, not zeroed, accounted to the instance; NULL only beyond its budget. */
	void *(*instance_alloc)(struct sluice_instance *instance, size_t size);
	/* Any thread. NULL is harmless. */
	void (*instance_free)(struct sluice_instance *instance, void *p);

	/* - configuration tree: from `configure` until `release`, any thread; nodes and views of their
	 * texts live as long - */
	enum sluice_value_type (*value_type)(const struct sluice_value *value);
	/* NULL when absent (or `value` is NULL or no object). */
	const struct sluice_value *(*value_get)(
		const struct sluice_value *value, struct sluice_str key);
	/* Element or member i, NULL beyond the end; `key` (may be NULL) gets the member's key. */
	const struct sluice_value *(*value_at)(
		const struct sluice_value *value, size_t i, struct sluice_str *key);
	size_t (*value_count)(const struct sluice_value *value);
	/* With a fallback for NULL or another type. */
	int32_t (*value_bool)(const struct sluice_value *value, int32_t fallback);
	int64_t (*value_integer)(const struct sluice_value *value, int64_t fallback);
	double (*value_real)(const struct sluice_value *value, double fallback);
	struct sluice_str (*value_string)(
		const struct sluice_value *value, struct sluice_str fallback);
	/* `configure` only: what is wrong with `at`; the gateway adds file:line:col. `configure`
	 * then returns SLUICE_E_INVALID. */
	void (*config_error)(struct sluice_instance *instance, const struct sluice_value *at,
		struct sluice_str message);

	/* - facts: exchange callbacks - */
	/* A view until the callback returns; empty where there is none. */
	struct sluice_str (*fact)(struct sluice_exchange *exchange, enum sluice_fact which);
	/* The response's status; 0 before there is one. */
	int32_t (*status)(struct sluice_exchange *exchange);
	/* response_head, response_body, until the head has been sent on. SLUICE_E_INVALID: beyond 200 to
	 * 599; 204, 205 or 304 for a response with content. */
	int32_t (*status_set)(struct sluice_exchange *exchange, int32_t status);
	/* Monotonic milliseconds, and milliseconds since 1970, of the worker's current turn. */
	int64_t (*now_ms)(struct sluice_exchange *exchange);
	int64_t (*wall_ms)(struct sluice_exchange *exchange);

	/* - fields: names are matched without regard to case; values are checked - */
	/* Exchange callbacks, for both that read. The first value; SLUICE_E_NOT_FOUND. */
	int32_t (*field_get)(struct sluice_exchange *exchange, enum sluice_side side,
		struct sluice_str name, struct sluice_str *value);
	/* Iterates all values of one name, or with an empty name all fields: start with *at = 0.
	 * `name_out` may be NULL. SLUICE_E_NOT_FOUND at the end. */
	int32_t (*field_next)(struct sluice_exchange *exchange, enum sluice_side side,
		struct sluice_str name, uint32_t *at, struct sluice_str *name_out,
		struct sluice_str *value);
	/* request_head to response_end, for all three. Replaces all of that name; adds one more;
	 * removes all (how many). Name and value are copied. Framing and hop-by-hop fields are the
	 * gateway's: SLUICE_E_INVALID. SLUICE_E_FULL: no room. Request fields until the request has been
	 * sent on, response fields until the response has.
	 * Trailers where they are there: SLUICE_E_INVALID also for names that may not stand behind
	 * the content (RFC 9110 6.5.1), and where the message has no place for any: it has no
	 * content, or declares its length (body_length is not -1), but for the body callback of a
	 * binding that collects the body (`buffer`), which makes the length unknown by it. A
	 * recipient that speaks HTTP/1.0 gets none. */
	int32_t (*field_set)(struct sluice_exchange *exchange, enum sluice_side side,
		struct sluice_str name, struct sluice_str value);
	int32_t (*field_add)(struct sluice_exchange *exchange, enum sluice_side side,
		struct sluice_str name, struct sluice_str value);
	int32_t (*field_remove)(
		struct sluice_exchange *exchange, enum sluice_side side, struct sluice_str name);
	/* Rewrites the path (canonicalised; SLUICE_E_INVALID when it cannot be) and the query.
	 * request_head only. Binding rules were judged on the request as received. */
	int32_t (*path_set)(
		struct sluice_exchange *exchange, struct sluice_str path, struct sluice_str query);

	/* - answers - */
	/* request_head to response_end: answers instead of the upstream (or, from response_head, instead
	 * of its answer, until that has been sent on): then return SLUICE_RESPONDED. `fields` are
	 * field_count pairs: name, value, name, value, ...; `reason` is a short word for the log,
	 * metrics and `explain` ("rate_limited"). All is copied. SLUICE_E_INVALID: a status
	 * beyond 200 to 599, a field that is none or the gateway's, more than 1 MiB of body (sluice/stream.h
	 * sends more) or 64 bytes of reason; SLUICE_E_FULL: the memory of the exchange is spent. */
	int32_t (*respond)(struct sluice_exchange *exchange, int32_t status,
		const struct sluice_str *fields, size_t field_count, struct sluice_str body,
		struct sluice_str reason);
	/* The same with the gateway's JSON error body: {"error": message}. */
	int32_t (*respond_error)(struct sluice_exchange *exchange, int32_t status,
		const struct sluice_str *fields, size_t field_count, struct sluice_str message,
		struct sluice_str reason);

	/* - waiting - */
	/* request_head to response_end: a token to be resumed exactly once, from any thread, within
	 * `deadline_ms` (1 to 600,000), else the binding fails. Then return SLUICE_PAUSE. A resume
	 * that comes before the callback returned means continue. 0 when refused. */
	sluice_token (*pause)(struct sluice_exchange *exchange, uint32_t deadline_ms);
	/* Any thread. SLUICE_OK, or SLUICE_E_STALE: gone or resumed already; never a crash. The
	 * paused callback is then called again, once, with `resumed` true; a callback that has
	 * nothing left to do returns SLUICE_CONTINUE. */
	int32_t (*resume)(sluice_token token);
	/* request_head to response_end: 1 when the current callback is called again because its token was
	 * resumed, or what it waited for has ended. */
	int32_t (*resumed)(struct sluice_exchange *exchange);

	/* - bodies - */
	/* In request_body / response_body of `stream` or `buffer` mode: replaces the bytes at hand.
	 * The bytes are copied. May be called several times: the pieces follow one another.
	 * SLUICE_E_FULL: more in a callback than the greater of 4 MiB and `max`. SLUICE_E_INVALID: another
	 * mode. */
	int32_t (*body_replace)(struct sluice_exchange *exchange, struct sluice_str bytes);

	/* - shared along the chain - */
	/* A property under "name" (1 to 64 bytes), value copied; readable by every policy of the
	 * chain and as vars.<name> by expressions. Set from request_head to response_end, read in
	 * exchange callbacks. SLUICE_E_NOT_FOUND, SLUICE_E_INVALID, SLUICE_E_FULL. */
	int32_t (*property_set)(
		struct sluice_exchange *exchange, struct sluice_str name, struct sluice_str value);
	int32_t (*property_get)(
		struct sluice_exchange *exchange, struct sluice_str name, struct sluice_str *value);
	/* Who the client is, for later policies, expressions and the log; empty views leave a part
	 * as it is. request_head, request_body. */
	int32_t (*authenticate)(struct sluice_exchange *exchange, struct sluice_str principal,
		struct sluice_str client_id, struct sluice_str client_name);

	/* - data of a binding within one exchange: exchange callbacks - */
	/* A pointer that the other callbacks of the same binding find again; NULL at first. */
	void (*data_set)(struct sluice_exchange *exchange, void *data);
	void *(*data_get)(struct sluice_exchange *exchange);
	/* What worker_start returned on this worker. */
	void *(*worker_data)(struct sluice_exchange *exchange);

	/* request_head, response_head: the body of this message passes without being shown to this binding,
	 * whatever its contract; nothing is collected for it, and no size refused. */
	int32_t (*body_pass)(struct sluice_exchange *exchange);

	/* - prepared fields: for what the configuration knows of a field already - */
	/* `configure` only: checks and keeps a copy of a field's name, and of its value unless
	 * value.p is NULL. NULL when field_set would refuse them or the instance's budget is spent. */
	struct sluice_field *(*field_prepare)(struct sluice_instance *instance,
		struct sluice_str name, struct sluice_str value);
	/* Where field_set is legal; as it, at a third of its cost. `value` is copied; one with p NULL is the prepared
	 * one, and costs no copy. */
	int32_t (*field_set_prepared)(struct sluice_exchange *exchange, enum sluice_side side,
		const struct sluice_field *field, struct sluice_str value);
	/* `configure` only: as it is configured, the instance has nothing to do in these callbacks
	 * (SLUICE_OMIT_*; bits of several calls add up). They are never called and cost nothing, as if
	 * the policy had none; a body that nobody looks at is not held. */
	int32_t (*callbacks_omit)(struct sluice_instance *instance, uint32_t callbacks);

	/* `configure` only, and last in it: overwrites the text of a string of the configuration that is
	 * secret and was used up. Other strings, names of members among them, may share its memory:
	 * nothing of the tree may be read afterwards. */
	int32_t (*value_wipe)(struct sluice_instance *instance, const struct sluice_value *value);

	/* Exchange callbacks. The bytes of content that the head declares; 0: there is none; -1: some, of a length that
	 * is not known before its end. */
	int64_t (*body_length)(struct sluice_exchange *exchange, enum sluice_side side);

	/* - operations: what services do for an exchange while it waits (sluice/work.h) - */
	/* An operation belongs to the binding and the direction (request, response) that began it.
	 * request_head to response_end. SLUICE_PAUSE, to be returned: the callback is called again, `resumed`,
	 * once all has ended that this binding began in this direction, which may be at once; after
	 * `deadline_ms` (1 to 600,000) the binding fails. SLUICE_FAIL when it cannot wait, or there is
	 * nothing new to wait for: never SLUICE_CONTINUE. What is under way when the exchange ends is
	 * cancelled. */
	int32_t (*wait)(struct sluice_exchange *exchange, uint32_t deadline_ms);

	/* - targets: services that the configuration names, for calls of a policy's own - */
	/* `configure` only: the service that a string of the configuration names. In the policy's schema
	 * the string has `format: service`; it is the name of a Service ("auth", "shared/auth"), of a
	 * service of the API itself, or an address ("https://auth.example:8443/v1"). Composition has
	 * found it: an unknown name never comes here. NULL, and an error at `at` for configure to return
	 * SLUICE_E_INVALID for, when it is none. Use: sluice/http.h. */
	const struct sluice_target *(*target)(
		struct sluice_instance *instance, const struct sluice_value *at);

	/* - who is asked, and by whom - */
	/* The value of a label; SLUICE_E_NOT_FOUND. Exchange callbacks. Views last as long as the
	 * exchange. */
	int32_t (*label_get)(struct sluice_exchange *exchange, enum sluice_labels whose,
		struct sluice_str name, struct sluice_str *value);
	/* Iterates them in the order of the document: start with *at = 0. SLUICE_E_NOT_FOUND at the
	 * end. */
	int32_t (*label_next)(struct sluice_exchange *exchange, enum sluice_labels whose,
		uint32_t *at, struct sluice_str *name, struct sluice_str *value);
	/* What an authority has said of the client, for later policies and for expressions, which
	 * have it as authentication.properties.claims.<name>. `json` is the claim's value as JSON
	 * text (a string in quotes), checked and copied; with p NULL the claim is removed. A name has 1
	 * to 256 bytes; with an empty one `json` is an object, each of whose members becomes a claim.
	 * request_head, request_body. SLUICE_E_INVALID: no JSON; SLUICE_E_NOT_FOUND: nothing to
	 * remove; SLUICE_E_FULL: more than 128 claims, 65,536 bytes of names and values in all, or the
	 * memory of the exchange is spent. */
	int32_t (*claim_set)(
		struct sluice_exchange *exchange, struct sluice_str name, struct sluice_str json);
	/* Its value as JSON text; SLUICE_E_NOT_FOUND. Exchange callbacks. */
	int32_t (*claim_get)(struct sluice_exchange *exchange, struct sluice_str name,
		struct sluice_str *json);
	/* Iterates them in the order they were set first: start with *at = 0. SLUICE_E_NOT_FOUND at
	 * the end. */
	int32_t (*claim_next)(struct sluice_exchange *exchange, uint32_t *at,
		struct sluice_str *name, struct sluice_str *json);

	/* - more of the request - */
	/* Another method, a token of at most 32 bytes with its case; content and fields stay. Routes
	 * are chosen by it, and the upstream gets it; binding rules were judged on the request as
	 * received, and the client's answer is framed for the method that it asked with: to HEAD it
	 * gets no content. request_head. SLUICE_E_INVALID: no method; CONNECT; TRACE with content;
	 * another than GET for a request that asks for an upgrade. */
	int32_t (*method_set)(struct sluice_exchange *exchange, struct sluice_str method);

	/* - violations - */
	/* The client has broken what this policy asks of it, whether or not it is refused for that.
	 * Shown in the access record and in traces, counted by API and binding. `what` is a short
	 * word ("rate_limited"; at most 64 bytes, else cut); `client_id` and `client_name` say which
	 * client application it was where `authenticate` has not: empty views leave that to it.
	 * One of an exchange counts, the first: SLUICE_E_CONFLICT for those that follow. request_head
	 * to response_end. */
	int32_t (*violation)(struct sluice_exchange *exchange, struct sluice_str what,
		struct sluice_str client_id, struct sluice_str client_name);

	/* - another way - */
	/* Where the request goes, in the place of what the routes say; what is absent (NULL, or empty)
	 * stays as they, or a policy before, have it. `target`, of this instance: the routes are not
	 * asked then, and pools, breaker, timeouts and retries are its service's; the path behind the
	 * API's base path is asked for, behind the target's own. `path`: that is asked for, behind
	 * nothing but the target's own; the query stays. `host`: the authority that the upstream gets.
	 * Shown in the access record and in traces. request_head; request_body of a binding that
	 * collects the body (`buffer`). SLUICE_E_INVALID: another instance's target, or a path or a
	 * host that is none. */
	int32_t (*reroute)(struct sluice_exchange *exchange, const struct sluice_target *target,
		struct sluice_str path, struct sluice_str host);

	/* - claims that many exchanges get - */
	/* Reads an object as claim_set with an empty name does, for claims_set_prepared: for who
	 * remembers what an authority has said. To be given back by instance_free. request_head,
	 * request_body, and what services call on a worker. As claim_set, and SLUICE_E_FULL: the
	 * instance has no memory for it. */
	int32_t (*claims_prepare)(struct sluice_instance *instance, struct sluice_str json,
		struct sluice_claims **claims);
	/* As claim_set of that object, copied, at a tenth of its cost or less. request_head, request_body. */
	int32_t (*claims_set_prepared)(
		struct sluice_exchange *exchange, const struct sluice_claims *claims);

	/* Exchange callbacks. What Content-Length said, which an answer to HEAD, and a 304, may say of content that does
	 * not follow (RFC 9110 8.6); -1: nothing. */
	int64_t (*length_declared)(struct sluice_exchange *exchange, enum sluice_side side);

	/* request_head: the binding has nothing to do with the response of this exchange, its own answer
	 * included. Its response callbacks do not come; `log` and `done` do. */
	int32_t (*response_pass)(struct sluice_exchange *exchange);
};

/* --- what a plugin gives --------------------------------------------------------------------- */

/* Passed to every callback; borrowed for the call. */
struct sluice_call {
	uint32_t size;
	uint32_t reserved;
	const struct sluice_host *host;
	struct sluice_instance *instance;
	void *state; /* what `configure` gave */
};

struct sluice_policy {
	uint32_t size;
	uint32_t reserved;
	const char *name;    /* as in policyRef.name, without "-flex" */
	const char *version; /* of the policy: "1.0.0" */

	/* Main thread, no I/O: makes the instance's state from a configuration that its schema has
	 * accepted, defaults applied. `previous` is the state of the instance that this one
	 * replaces (same binding, other configuration), or NULL; it stays valid and in use
	 * meanwhile. */
	int32_t (*configure)(const struct sluice_call *call, const struct sluice_value *config,
		void *previous, void **state);
	/* Main thread; no callback runs or will run. */
	void (*release)(const struct sluice_call *call);
	/* On each worker, before its first and after its last exchange. */
	int32_t (*worker_start)(const struct sluice_call *call, void **worker_data);
	void (*worker_stop)(const struct sluice_call *call, void *worker_data);

	/* The chain. An absent callback costs nothing. */
	int32_t (*request_head)(const struct sluice_call *call, struct sluice_exchange *exchange);
	int32_t (*request_body)(const struct sluice_call *call, struct sluice_exchange *exchange,
		const struct sluice_body *body);
	int32_t (*request_end)(const struct sluice_call *call, struct sluice_exchange *exchange);
	int32_t (*response_head)(const struct sluice_call *call, struct sluice_exchange *exchange);
	int32_t (*response_body)(const struct sluice_call *call, struct sluice_exchange *exchange,
		const struct sluice_body *body);
	int32_t (*response_end)(const struct sluice_call *call, struct sluice_exchange *exchange);
	int32_t (*frame)(const struct sluice_call *call, struct sluice_exchange *exchange,
		const struct sluice_body *frame);
	/* After the last byte: read only. Then `done`, exactly once, also for exchanges that broke.
	 */
	void (*log)(const struct sluice_call *call, struct sluice_exchange *exchange);
	void (*done)(const struct sluice_call *call, struct sluice_exchange *exchange);
};

struct sluice_plugin {
	uint32_t size;
	uint32_t abi_major;
	uint32_t abi_minor; /* the least that it needs */
	uint32_t policy_count;
	const char *name;
	const char *version;
	const struct sluice_policy *const *policies;
	/* Services without which it does not load, and those it can do without: NULL-terminated. */
	const char *const *requires_services;
	const char *const *optional_services;
	/* Process-wide, main thread, no threads, no I/O. May be NULL. */
	int32_t (*load)(const struct sluice_host *host);
	void (*unload)(void);
};

/* The one symbol. Pure: returns static data. */
SLUICE_EXPORT const struct sluice_plugin *sluice_plugin_v1(void);

/* --- conveniences ---------------------------------------------------------------------------- */
#ifdef __cplusplus
#define SLUICE_STR(literal) (sluice_str{(literal), sizeof(literal) - 1})
#else
#define SLUICE_STR(literal) ((struct sluice_str){(literal), sizeof(literal) - 1})
#endif

/* host->violation by the client that was authenticated, where the gateway has the call. */
static inline void sluice_tell_violation(const struct sluice_host *host,
	struct sluice_exchange *exchange, struct sluice_str what)
{
	const struct sluice_str unknown = {"", 0};
	if (SLUICE_HAS(host, violation))
		host->violation(exchange, what, unknown, unknown);
}

#ifdef __cplusplus
}
#endif
#endif
