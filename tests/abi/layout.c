/* SPDX-License-Identifier: Apache-2.0 */
/* tests/abi/layout.c - prints what the ABI consists of: sizes, offsets and values.
 *
 * The output is compared with layout.txt. A plugin that was built once relies on every line of it:
 * a change may only add lines, and only at the end of a struct or enumeration.
 * A field that is missing here would leave a hole between its neighbours, and a hole is an error.
 */
#include "sluice/cache.h"
#include "sluice/contracts.h"
#include "sluice/crypto.h"
#include "sluice/expr.h"
#include "sluice/frames.h"
#include "sluice/http.h"
#include "sluice/keep.h"
#include "sluice/metrics.h"
#include "sluice/post.h"
#include "sluice/regex.h"
#include "sluice/request.h"
#include "sluice/schema.h"
#include "sluice/shared.h"
#include "sluice/sluice.h"
#include "sluice/state.h"
#include "sluice/stream.h"
#include "sluice/timer.h"
#include "sluice/tls.h"
#include "sluice/work.h"

#include <stdio.h>
#include <stdlib.h>

static size_t end; /* of the field before, in the struct that is being printed */
static const char *name;
static int holes;

static void begin(const char *struct_name)
{
	name = struct_name;
	end = 0;
	printf("%s\n", struct_name);
}

static size_t aligned(size_t n, size_t alignment)
{
	return (n + alignment - 1) / alignment * alignment;
}

static void field(const char *field_name, size_t offset, size_t size, size_t alignment)
{
	printf("  %-20s %4zu %3zu\n", field_name, offset, size);
	if (offset != aligned(end, alignment)) {
		fprintf(stderr, "%s: something is missing before %s\n", name, field_name);
		holes++;
	}
	end = offset + size;
}

static void finish(size_t size, size_t alignment)
{
	printf("  %-20s %4zu\n", "-", size);
	if (size != aligned(end, alignment)) {
		fprintf(stderr, "%s: something is missing at its end\n", name);
		holes++;
	}
}

#define BEGIN(type) begin(#type)
#define FIELD(type, f)                                                                             \
	field(#f, offsetof(struct type, f), sizeof(((struct type *)NULL)->f),                      \
		_Alignof(__typeof__(((struct type *)NULL)->f)))
#define FINISH(type) finish(sizeof(struct type), _Alignof(struct type))
#define VALUE(v)     printf("%-28s %d\n", #v, (int)(v))

static void print_values(void)
{
	BEGIN(sluice_str);
	FIELD(sluice_str, p);
	FIELD(sluice_str, n);
	FINISH(sluice_str);
	BEGIN(sluice_body);
	FIELD(sluice_body, size);
	FIELD(sluice_body, end);
	FIELD(sluice_body, bytes);
	FINISH(sluice_body);
	BEGIN(sluice_call);
	FIELD(sluice_call, size);
	FIELD(sluice_call, reserved);
	FIELD(sluice_call, host);
	FIELD(sluice_call, instance);
	FIELD(sluice_call, state);
	FINISH(sluice_call);
}

static void print_host(void)
{
	BEGIN(sluice_host);
#define H(f) FIELD(sluice_host, f)
	H(size), H(abi_major), H(abi_minor), H(reserved), H(service), H(log), H(counter_define),
		H(counter_add), H(exchange_alloc), H(instance_alloc), H(instance_free),
		H(value_type), H(value_get), H(value_at), H(value_count), H(value_bool),
		H(value_integer), H(value_real), H(value_string), H(config_error), H(fact),
		H(status), H(status_set), H(now_ms), H(wall_ms), H(field_get), H(field_next),
		H(field_set), H(field_add), H(field_remove), H(path_set), H(respond),
		H(respond_error), H(pause), H(resume), H(resumed), H(body_replace), H(property_set),
		H(property_get), H(authenticate), H(data_set), H(data_get), H(worker_data),
		H(body_pass), H(field_prepare), H(field_set_prepared), H(callbacks_omit),
		H(value_wipe), H(body_length), H(wait), H(target), H(label_get), H(label_next),
		H(claim_set), H(claim_get), H(claim_next), H(method_set), H(violation), H(reroute),
		H(claims_prepare), H(claims_set_prepared), H(length_declared), H(response_pass);
#undef H
	FINISH(sluice_host);
}

static void print_plugin(void)
{
	BEGIN(sluice_policy);
#define P(f) FIELD(sluice_policy, f)
	P(size), P(reserved), P(name), P(version), P(configure), P(release), P(worker_start),
		P(worker_stop), P(request_head), P(request_body), P(request_end), P(response_head),
		P(response_body), P(response_end), P(frame), P(log), P(done);
#undef P
	FINISH(sluice_policy);
	BEGIN(sluice_plugin);
#define P(f) FIELD(sluice_plugin, f)
	P(size), P(abi_major), P(abi_minor), P(policy_count), P(name), P(version), P(policies),
		P(requires_services), P(optional_services), P(load), P(unload);
#undef P
	FINISH(sluice_plugin);
}

static void print_keys(void)
{
	BEGIN(sluice_key_source);
#define K(f) FIELD(sluice_key_source, f)
	K(size), K(kind), K(flags), K(reserved), K(first), K(second);
#undef K
	FINISH(sluice_key_source);
	VALUE(SLUICE_KEY_RSA);
	VALUE(SLUICE_KEY_P256);
	VALUE(SLUICE_KEY_P384);
	VALUE(SLUICE_KEY_P521);
	VALUE(SLUICE_KEY_ED25519);
	VALUE(SLUICE_KEY_ED448);
	VALUE(SLUICE_KEY_SECRET);
	VALUE(SLUICE_KEY_PEM);
	VALUE(SLUICE_KEY_SHORT_ALLOWED);
	VALUE(SLUICE_HS256);
	VALUE(SLUICE_HS384);
	VALUE(SLUICE_HS512);
	VALUE(SLUICE_RS256);
	VALUE(SLUICE_RS384);
	VALUE(SLUICE_RS512);
	VALUE(SLUICE_PS256);
	VALUE(SLUICE_PS384);
	VALUE(SLUICE_PS512);
	VALUE(SLUICE_ES256);
	VALUE(SLUICE_ES384);
	VALUE(SLUICE_ES512);
	VALUE(SLUICE_EDDSA);
}

static void print_services(void)
{
	BEGIN(sluice_expr_vars);
	FIELD(sluice_expr_vars, size);
	FIELD(sluice_expr_vars, reserved);
	FIELD(sluice_expr_vars, get);
	FIELD(sluice_expr_vars, arg);
	FINISH(sluice_expr_vars);
	BEGIN(sluice_expr_service);
#define E(f) FIELD(sluice_expr_service, f)
	E(size), E(reserved), E(compile), E(free), E(uses), E(to_string), E(to_bool), E(to_number),
		E(error);
#undef E
	FINISH(sluice_expr_service);
	BEGIN(sluice_timer_service);
#define T(f) FIELD(sluice_timer_service, f)
	T(size), T(reserved), T(start), T(cancel), T(resume_after);
#undef T
	FINISH(sluice_timer_service);
	BEGIN(sluice_crypto_service);
#define C(f) FIELD(sluice_crypto_service, f)
	C(size), C(reserved), C(constant_time_equal), C(base64_decode), C(sha256), C(random),
		C(keyed_hash), C(base64url_decode), C(key_new), C(key_free), C(key_kind),
		C(key_fits), C(signature_check);
#undef C
	FINISH(sluice_crypto_service);
	print_keys();
	printf("services %s %s %s\n", SLUICE_EXPR_SERVICE, SLUICE_TIMER_SERVICE,
		SLUICE_CRYPTO_SERVICE);
}

static void print_schema(void)
{
	BEGIN(sluice_schema_problem);
#define P(f) FIELD(sluice_schema_problem, f)
	P(size), P(reserved), P(pointer), P(keyword), P(offset);
#undef P
	FINISH(sluice_schema_problem);
	BEGIN(sluice_schema_service);
#define S(f) FIELD(sluice_schema_service, f)
	S(size), S(reserved), S(document_new), S(document_free), S(document_root), S(compile),
		S(free), S(types), S(item_types), S(property_types), S(check),
		S(property_item_types);
#undef S
	FINISH(sluice_schema_service);
	printf("service %s\n", SLUICE_SCHEMA_SERVICE);
	VALUE(SLUICE_SCHEMA_OPENAPI_30);
	VALUE(SLUICE_SCHEMA_OPENAPI_31);
	VALUE(SLUICE_SCHEMA_NULL);
	VALUE(SLUICE_SCHEMA_BOOLEAN);
	VALUE(SLUICE_SCHEMA_INTEGER);
	VALUE(SLUICE_SCHEMA_NUMBER);
	VALUE(SLUICE_SCHEMA_STRING);
	VALUE(SLUICE_SCHEMA_ARRAY);
	VALUE(SLUICE_SCHEMA_OBJECT);
}

static void print_regex(void)
{
	BEGIN(sluice_regex_service);
#define R(f) FIELD(sluice_regex_service, f)
	R(size), R(reserved), R(compile), R(free), R(group_count), R(match), R(search);
#undef R
	FINISH(sluice_regex_service);
	printf("service %s\n", SLUICE_REGEX_SERVICE);
	VALUE(SLUICE_REGEX_WHOLE);
	VALUE(SLUICE_REGEX_IGNORE_CASE);
	VALUE(SLUICE_REGEX_GROUPS_MAX);
	VALUE(SLUICE_REGEX_BYTES_MAX);
}

static void print_request(void)
{
	BEGIN(sluice_request_service);
#define R(f) FIELD(sluice_request_service, f)
	R(size), R(reserved), R(query_next), R(cookie_next), R(query_remove), R(cookie_remove),
		R(query_redact), R(secret_define), R(query_raw_next), R(query_set), R(query_add);
#undef R
	FINISH(sluice_request_service);
	printf("service %s\n", SLUICE_REQUEST_SERVICE);
	VALUE(SLUICE_PART_QUERY);
	VALUE(SLUICE_PART_HEADER);
	VALUE(SLUICE_PART_COOKIE);
}

static void print_post(void)
{
	BEGIN(sluice_message);
	FIELD(sluice_message, size);
	FIELD(sluice_message, reserved);
	FIELD(sluice_message, received);
	FIELD(sluice_message, dropped);
	FINISH(sluice_message);
	BEGIN(sluice_post_service);
#define P(f) FIELD(sluice_post_service, f)
	P(size), P(reserved), P(open), P(worker_count), P(worker), P(send);
#undef P
	FINISH(sluice_post_service);
	printf("service %s\n", SLUICE_POST_SERVICE);
	VALUE(SLUICE_POST_ALL);
}

static void print_metrics(void)
{
	BEGIN(sluice_label);
	FIELD(sluice_label, name);
	FIELD(sluice_label, values);
	FIELD(sluice_label, value_count);
	FINISH(sluice_label);
	BEGIN(sluice_metric_definition);
#define M(f) FIELD(sluice_metric_definition, f)
	M(size), M(kind), M(name), M(description), M(labels), M(label_count), M(bounds),
		M(bound_count);
#undef M
	FINISH(sluice_metric_definition);
	BEGIN(sluice_metrics_service);
#define M(f) FIELD(sluice_metrics_service, f)
	M(size), M(reserved), M(define), M(add), M(observe);
#undef M
	FINISH(sluice_metrics_service);
	printf("service %s\n", SLUICE_METRICS_SERVICE);
	VALUE(SLUICE_COUNTER);
	VALUE(SLUICE_GAUGE);
	VALUE(SLUICE_HISTOGRAM);
	VALUE(SLUICE_SERIES_MAX);
	VALUE(SLUICE_SERIES_INSTANCE_MAX);
	VALUE(SLUICE_LABELS_MAX);
	VALUE(SLUICE_BOUNDS_MAX);
}

static void print_tls(void)
{
	BEGIN(sluice_certificate);
#define T(f) FIELD(sluice_certificate, f)
	T(size), T(reserved), T(subject), T(issuer), T(common_name), T(serial), T(fingerprint),
		T(not_before_s), T(not_after_s);
#undef T
	FINISH(sluice_certificate);
	BEGIN(sluice_tls_service);
#define T(f) FIELD(sluice_tls_service, f)
	T(size), T(reserved), T(client_certificate), T(client_name_next), T(client_certificate_der);
#undef T
	FINISH(sluice_tls_service);
	printf("service %s\n", SLUICE_TLS_SERVICE);
	VALUE(SLUICE_NAME_DNS);
	VALUE(SLUICE_NAME_URI);
	VALUE(SLUICE_NAME_EMAIL);
	VALUE(SLUICE_NAME_ADDRESS);
}

static void print_work(void)
{
	BEGIN(sluice_job);
	FIELD(sluice_job, size);
	FIELD(sluice_job, reserved);
	FIELD(sluice_job, run);
	FIELD(sluice_job, done);
	FIELD(sluice_job, dropped);
	FINISH(sluice_job);
	BEGIN(sluice_work_service);
#define W(f) FIELD(sluice_work_service, f)
	W(size), W(reserved), W(open), W(submit), W(begin), W(take);
#undef W
	FINISH(sluice_work_service);
	printf("service %s\n", SLUICE_WORK_SERVICE);
}

static void print_shared(void)
{
	BEGIN(sluice_shared_type);
	FIELD(sluice_shared_type, size);
	FIELD(sluice_shared_type, reserved);
	FIELD(sluice_shared_type, name);
	FIELD(sluice_shared_type, make);
	FIELD(sluice_shared_type, free);
	FINISH(sluice_shared_type);
	BEGIN(sluice_shared_service);
	FIELD(sluice_shared_service, size);
	FIELD(sluice_shared_service, reserved);
	FIELD(sluice_shared_service, hold);
	FINISH(sluice_shared_service);
	printf("service %s\n", SLUICE_SHARED_SERVICE);
}

static void print_keep(void)
{
	BEGIN(sluice_kept);
	FIELD(sluice_kept, size);
	FIELD(sluice_kept, reserved);
	FIELD(sluice_kept, bytes);
	FIELD(sluice_kept, age_ms);
	FINISH(sluice_kept);
	BEGIN(sluice_keep_service);
	FIELD(sluice_keep_service, size);
	FIELD(sluice_keep_service, reserved);
	FIELD(sluice_keep_service, read);
	FIELD(sluice_keep_service, write);
	FINISH(sluice_keep_service);
	VALUE(SLUICE_KEEP_BYTES_MAX);
	printf("service %s\n", SLUICE_KEEP_SERVICE);
}

static void print_state(void)
{
	BEGIN(sluice_state_options);
#define O(f) FIELD(sluice_state_options, f)
	O(size), O(reserved), O(name), O(entries_max), O(reserved2), O(bytes_max), O(shared),
		O(reserved3);
#undef O
	FINISH(sluice_state_options);
	BEGIN(sluice_question);
#define Q(f) FIELD(sluice_question, f)
	Q(size), Q(kind), Q(key), Q(value), Q(delta), Q(limit), Q(version), Q(for_ms), Q(limits),
		Q(limit_count), Q(quota), Q(more);
#undef Q
	FINISH(sluice_question);
	BEGIN(sluice_quota_limit);
#define L(f) FIELD(sluice_quota_limit, f)
	L(most), L(period_ms), L(burst);
#undef L
	FINISH(sluice_quota_limit);
	BEGIN(sluice_answer);
#define A(f) FIELD(sluice_answer, f)
	A(size), A(result), A(value), A(version), A(count), A(remaining_ms), A(index), A(reserved),
		A(spent);
#undef A
	FINISH(sluice_answer);
	BEGIN(sluice_state_service);
#define S(f) FIELD(sluice_state_service, f)
	S(size), S(reserved), S(open), S(ask), S(take), S(start), S(is_shared), S(replicas);
#undef S
	FINISH(sluice_state_service);
	printf("service %s\n", SLUICE_STATE_SERVICE);
	VALUE(SLUICE_PENDING);
	VALUE(SLUICE_GET);
	VALUE(SLUICE_PUT);
	VALUE(SLUICE_REMOVE);
	VALUE(SLUICE_COUNT);
	VALUE(SLUICE_LOCK);
	VALUE(SLUICE_UNLOCK);
	VALUE(SLUICE_SPEND);
	VALUE(SLUICE_QUOTA_FIXED);
	VALUE(SLUICE_QUOTA_SLIDING);
	VALUE(SLUICE_QUOTA_EVEN);
	VALUE(SLUICE_QUOTA_LIMITS_MAX);
}

static void print_stream(void)
{
	BEGIN(sluice_stream_options);
#define O(f) FIELD(sluice_stream_options, f)
	O(size), O(reserved), O(reason), O(length), O(ready), O(closed), O(arg);
#undef O
	FINISH(sluice_stream_options);
	BEGIN(sluice_stream_service);
#define S(f) FIELD(sluice_stream_service, f)
	S(size), S(reserved), S(begin), S(write), S(room), S(end), S(abort);
#undef S
	FINISH(sluice_stream_service);
	printf("service %s\n", SLUICE_STREAM_SERVICE);
	VALUE(SLUICE_STREAM_CREDIT_BYTES);
	VALUE(SLUICE_STREAM_SENT);
	VALUE(SLUICE_STREAM_ABORTED);
	VALUE(SLUICE_STREAM_REPLACED);
	VALUE(SLUICE_STREAM_CLIENT_GONE);
	VALUE(SLUICE_STREAM_CUT);
	VALUE(SLUICE_STREAM_WHOLE);
}

static void print_contracts(void)
{
	BEGIN(sluice_contract_limit);
	FIELD(sluice_contract_limit, requests_max);
	FIELD(sluice_contract_limit, period_ms);
	FINISH(sluice_contract_limit);
	BEGIN(sluice_contract);
#define C(f) FIELD(sluice_contract, f)
	C(size), C(has_secret), C(name), C(client_id), C(client_name), C(tier_id), C(tier_name),
		C(limits), C(limit_count);
#undef C
	FINISH(sluice_contract);
	BEGIN(sluice_contracts_service);
#define S(f) FIELD(sluice_contracts_service, f)
	S(size), S(reserved), S(find), S(secret_matches);
#undef S
	FINISH(sluice_contracts_service);
	printf("service %s\n", SLUICE_CONTRACTS_SERVICE);
}

static void print_cache(void)
{
	VALUE(SLUICE_CACHE_SHARED_BYTES_MAX);
	BEGIN(sluice_cache_options);
#define O(f) FIELD(sluice_cache_options, f)
	O(size), O(reserved), O(name), O(bytes_max), O(entry_bytes_max), O(entries_max),
		O(reserved2), O(persists), O(shared);
#undef O
	FINISH(sluice_cache_options);
	BEGIN(sluice_cached);
#define C(f) FIELD(sluice_cached, f)
	C(size), C(reserved), C(entry), C(meta), C(length), C(age_ms), C(remaining_ms);
#undef C
	FINISH(sluice_cached);
	BEGIN(sluice_cache_item);
#define I(f) FIELD(sluice_cache_item, f)
	I(size), I(reserved), I(key), I(group), I(meta), I(for_ms);
#undef I
	FINISH(sluice_cache_item);
	BEGIN(sluice_cache_answer);
#define A(f) FIELD(sluice_cache_answer, f)
	A(size), A(status), A(fields), A(field_count), A(reason), A(offset), A(length);
#undef A
	FINISH(sluice_cache_answer);
	BEGIN(sluice_cache_service);
#define S(f) FIELD(sluice_cache_service, f)
	S(size), S(reserved), S(open), S(find), S(take), S(respond), S(read), S(touch),
		S(store_begin), S(store_piece), S(store_abandon), S(put), S(remove),
		S(remove_group), S(remove_prefix);
#undef S
	FINISH(sluice_cache_service);
	printf("service %s\n", SLUICE_CACHE_SERVICE);
}

static void print_frames(void)
{
	BEGIN(sluice_frame);
#define F(f) FIELD(sluice_frame, f)
	F(size), F(opcode), F(message), F(from), F(is_final), F(is_first), F(length), F(offset),
		F(close_status), F(reserved);
#undef F
	FINISH(sluice_frame);
	BEGIN(sluice_frames_service);
#define S(f) FIELD(sluice_frames_service, f)
	S(size), S(reserved), S(frame), S(replace), S(drop), S(inject), S(close), S(collect);
#undef S
	FINISH(sluice_frames_service);
	printf("service %s\n", SLUICE_FRAMES_SERVICE);
	VALUE(SLUICE_FRAMES_MESSAGE_BYTES_MAX);
	VALUE(SLUICE_FRAME_CONTINUATION);
	VALUE(SLUICE_FRAME_TEXT);
	VALUE(SLUICE_FRAME_BINARY);
	VALUE(SLUICE_FRAME_CLOSE);
	VALUE(SLUICE_FRAME_PING);
	VALUE(SLUICE_FRAME_PONG);
	VALUE(SLUICE_FRAMES_CLIENT);
	VALUE(SLUICE_FRAMES_UPSTREAM);
	VALUE(SLUICE_FRAMES_BOTH);
}

static void print_http(void)
{
	BEGIN(sluice_http_request);
#define Q(f) FIELD(sluice_http_request, f)
	Q(size), Q(timeout_ms), Q(method), Q(path), Q(fields), Q(field_count), Q(body),
		Q(response_bytes_max);
#undef Q
	FINISH(sluice_http_request);
	BEGIN(sluice_http_response);
#define R(f) FIELD(sluice_http_response, f)
	R(size), R(result), R(status), R(reserved), R(body), R(message), R(fields);
#undef R
	FINISH(sluice_http_response);
	BEGIN(sluice_http_service);
#define S(f) FIELD(sluice_http_service, f)
	S(size), S(reserved), S(begin), S(take), S(start), S(field_get), S(field_next);
#undef S
	FINISH(sluice_http_service);
	printf("service %s\n", SLUICE_HTTP_SERVICE);
	VALUE(SLUICE_HTTP_EXCHANGE_MAX);
	VALUE(SLUICE_HTTP_INSTANCE_MAX);
	VALUE(SLUICE_HTTP_BODY_BYTES_MAX);
	VALUE(SLUICE_HTTP_EXCHANGE_BYTES_MAX);
	VALUE(SLUICE_HTTP_INSTANCE_BYTES_MAX);
}

static void print_results(void)
{
	VALUE(SLUICE_ABI_MAJOR);
	VALUE(SLUICE_ABI_MINOR);
	VALUE(SLUICE_OK);
	VALUE(SLUICE_E_INVALID);
	VALUE(SLUICE_E_WRONG_CALLBACK);
	VALUE(SLUICE_E_NOT_FOUND);
	VALUE(SLUICE_E_FULL);
	VALUE(SLUICE_E_STALE);
	VALUE(SLUICE_E_UNSUPPORTED);
	VALUE(SLUICE_E_RUNTIME);
	VALUE(SLUICE_E_CONFLICT);
	VALUE(SLUICE_E_UNAVAILABLE);
	VALUE(SLUICE_E_TIMEOUT);
	VALUE(SLUICE_CONTINUE);
	VALUE(SLUICE_PAUSE);
	VALUE(SLUICE_RESPONDED);
	VALUE(SLUICE_FAIL);
	VALUE(SLUICE_NULL);
	VALUE(SLUICE_BOOL);
	VALUE(SLUICE_INTEGER);
	VALUE(SLUICE_REAL);
	VALUE(SLUICE_STRING);
	VALUE(SLUICE_ARRAY);
	VALUE(SLUICE_OBJECT);
	VALUE(SLUICE_LOG_DEBUG);
	VALUE(SLUICE_LOG_INFO);
	VALUE(SLUICE_LOG_WARN);
	VALUE(SLUICE_LOG_ERROR);
	VALUE(SLUICE_REQUEST);
	VALUE(SLUICE_RESPONSE);
	VALUE(SLUICE_REQUEST_TRAILERS);
	VALUE(SLUICE_RESPONSE_TRAILERS);
	VALUE(SLUICE_LABELS_API);
	VALUE(SLUICE_LABELS_BINDING);
	VALUE(SLUICE_OMIT_REQUEST_HEAD);
	VALUE(SLUICE_OMIT_REQUEST_BODY);
	VALUE(SLUICE_OMIT_REQUEST_END);
	VALUE(SLUICE_OMIT_RESPONSE_HEAD);
	VALUE(SLUICE_OMIT_RESPONSE_BODY);
	VALUE(SLUICE_OMIT_RESPONSE_END);
	VALUE(SLUICE_OMIT_LOG);
	VALUE(SLUICE_OMIT_FRAME);
	VALUE(SLUICE_EXPR_CONSTANT);
	VALUE(SLUICE_EXPR_PAYLOAD);
}

static void print_facts(void)
{
	VALUE(SLUICE_FACT_METHOD);
	VALUE(SLUICE_FACT_PATH);
	VALUE(SLUICE_FACT_QUERY);
	VALUE(SLUICE_FACT_AUTHORITY);
	VALUE(SLUICE_FACT_SCHEME);
	VALUE(SLUICE_FACT_VERSION);
	VALUE(SLUICE_FACT_TARGET);
	VALUE(SLUICE_FACT_CLIENT_ADDRESS);
	VALUE(SLUICE_FACT_LOCAL_ADDRESS);
	VALUE(SLUICE_FACT_REQUEST_ID);
	VALUE(SLUICE_FACT_API);
	VALUE(SLUICE_FACT_BINDING);
	VALUE(SLUICE_FACT_TLS_VERSION);
	VALUE(SLUICE_FACT_TLS_SERVER_NAME);
	VALUE(SLUICE_FACT_PRINCIPAL);
	VALUE(SLUICE_FACT_CLIENT_ID);
	VALUE(SLUICE_FACT_CLIENT_NAME);
	VALUE(SLUICE_FACT_METHOD_RECEIVED);
	VALUE(SLUICE_FACT_API_NAME);
	VALUE(SLUICE_FACT_API_NAMESPACE);
	VALUE(SLUICE_FACT_BINDING_NAME);
	VALUE(SLUICE_FACT_BINDING_NAMESPACE);
	VALUE(SLUICE_FACT_POLICY);
	VALUE(SLUICE_FACT_STAGE);
	VALUE(SLUICE_FACT_GATEWAY_VERSION);
}

int main(void)
{
	print_values();
	print_host();
	print_plugin();
	print_services();
	print_results();
	print_facts();
	print_regex();
	print_request();
	print_post();
	print_work();
	print_tls();
	print_metrics();
	print_shared();
	print_keep();
	print_state();
	print_schema();
	print_stream();
	print_contracts();
	print_cache();
	print_frames();
	print_http();
	return holes ? EXIT_FAILURE : EXIT_SUCCESS;
}
