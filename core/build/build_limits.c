/* SPDX-License-Identifier: Apache-2.0 */
/* Limits: from the members of a plan to the structs that the proxy reads. */
#include "build/build_priv.h"

#include "plan/plan_limits.h"

/* A plan that no composition has checked gets what is usable of it. */
static int64_t bounded(const struct plan_node *limits, enum plan_limit id, int64_t most)
{
	int64_t n = plan_limit_get(limits, id);
	return n < 0 ? 0 : n > most ? most : n;
}

static uint32_t count_of(const struct plan_node *limits, enum plan_limit id)
{
	return (uint32_t)bounded(limits, id, UINT32_MAX);
}

static int ms_of(const struct plan_node *limits, enum plan_limit id)
{
	return (int)bounded(limits, id, INT32_MAX);
}

/* What requests and responses have in common. */
static struct message_limits shared_of(const struct plan_node *limits)
{
	return (struct message_limits){
		.field_name_bytes = count_of(limits, PLAN_LIMIT_FIELD_NAME_BYTES),
		.field_value_bytes = count_of(limits, PLAN_LIMIT_FIELD_VALUE_BYTES),
		.trailer_bytes = count_of(limits, PLAN_LIMIT_TRAILER_BYTES),
		.trailer_fields = count_of(limits, PLAN_LIMIT_TRAILER_FIELDS),
		.extension_bytes = count_of(limits, PLAN_LIMIT_EXTENSION_BYTES),
	};
}

static const struct plan_node *settings_limits(const struct build *b)
{
	return plan_get(plan_get(b->root, "settings"), "limits");
}

/* What the process reads of the settings once they serve. */
static void judge_settings(struct build *b)
{
	static const struct {
		const char *object, *key;
		int64_t most;
	} rows[] = {
		{"admission", "connections", UINT32_MAX},
		{"admission", "connectionsPerListener", UINT32_MAX},
		{"admission", "connectionsPerAddress", UINT32_MAX},
		{"overload", "memoryBytes", INT64_MAX},
		{"probe", "port", UINT16_MAX},
		{"metrics", "port", UINT16_MAX},
	};
	const struct plan_node *settings = plan_get(b->root, "settings");
	for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
		struct build_numbers n = {.object = plan_get(settings, rows[i].object)};
		build_number(&n, rows[i].key, 0, rows[i].most);
		if (n.at)
			build_fatal(b, n.at, rows[i].object, "%s", n.message);
	}
}

/* A head within `limits` must not end its connection by the number of its frames, the first of which
 * is none of these. */
static uint32_t continuations_of(const struct plan_node *limits)
{
	uint32_t needed = count_of(limits, PLAN_LIMIT_HEAD_BYTES) / LIMIT_H2_FRAME_BYTES;
	return needed > LIMIT_H2_CONTINUATIONS ? needed : LIMIT_H2_CONTINUATIONS;
}

static uint32_t budget(struct build_numbers *n, const char *key, uint32_t fallback)
{
	return (uint32_t)build_number(n, key, fallback, INT32_MAX);
}

static struct h2_budgets budgets_of(struct build *b, const struct plan_node *http2)
{
	struct build_numbers n = {.object = plan_get(http2, "budgets")};
	struct h2_budgets out = H2_BUDGETS_DEFAULT;
	out.resets_burst = budget(&n, "resets", out.resets_burst);
	out.resets_per_second = budget(&n, "resetsPerSecond", out.resets_per_second);
	out.premature_percent = budget(&n, "prematureResetsPercent", out.premature_percent);
	out.premature_min = budget(&n, "prematureResetsMinimum", out.premature_min);
	out.glitches_burst = budget(&n, "glitches", out.glitches_burst);
	out.glitches_per_second = budget(&n, "glitchesPerSecond", out.glitches_per_second);
	out.continuations = budget(&n, "continuations", continuations_of(settings_limits(b)));
	out.settings = budget(&n, "settingsEntries", out.settings);
	out.acks_unsent = budget(&n, "unsentAcks", out.acks_unsent);
	if (n.at)
		build_fatal(b, n.at, "http2", "%s", n.message);
	return out;
}

/* settings.http2; what it does not say is as core/base/limits.h has it. */
static void build_http2(struct build *b, struct server_http2 *out)
{
	struct build_numbers n = {.object = plan_get(plan_get(b->root, "settings"), "http2")};
	*out = (struct server_http2){
		.enabled = plan_bool(n.object, "enabled", true),
		.settings =
			{
				.streams_max = (uint32_t)build_number(
					&n, "maxConcurrentStreams", LIMIT_H2_STREAMS, UINT16_MAX),
				.stream_window_bytes =
					(uint32_t)build_number(&n, "initialWindowSize",
						LIMIT_H2_STREAM_WINDOW_BYTES, INT32_MAX),
				.connection_window_bytes =
					(uint32_t)build_number(&n, "initialConnectionWindowSize",
						LIMIT_H2_CONNECTION_WINDOW_BYTES, INT32_MAX),
			},
		.budgets = budgets_of(b, n.object),
		.stall_ms = (int)build_number(&n, "windowStallMs", LIMIT_H2_STALL_MS, INT32_MAX),
	};
	if (n.at)
		build_fatal(b, n.at, "http2", "%s", n.message);
}

void build_limits(struct build *b)
{
	judge_settings(b);
	const struct plan_node *limits = settings_limits(b);
	struct connection_limits *out = &b->generation->limits;
	b->generation->shared_limits = shared_of(limits);
	out->message = b->generation->shared_limits;
	out->message.target_bytes = count_of(limits, PLAN_LIMIT_TARGET_BYTES);
	out->message.head_bytes = count_of(limits, PLAN_LIMIT_HEAD_BYTES);
	out->message.fields = count_of(limits, PLAN_LIMIT_HEAD_FIELDS);
	out->message.interim_responses = LIMIT_INTERIM_RESPONSES;
	message_limits_fit(&out->message);
	out->head_ms = ms_of(limits, PLAN_LIMIT_HEAD_MS);
	out->tls_handshake_ms = ms_of(limits, PLAN_LIMIT_TLS_HANDSHAKE_MS);
	out->keepalive_idle_ms = ms_of(limits, PLAN_LIMIT_KEEP_ALIVE_IDLE_MS);
	out->keepalive_max_age_ms = ms_of(limits, PLAN_LIMIT_KEEP_ALIVE_MAX_AGE_MS);
	build_http2(b, &out->http2);
	out->keepalive_requests = count_of(limits, PLAN_LIMIT_KEEP_ALIVE_REQUESTS);
}

void build_api_limits(struct build *b, const struct plan_node *node, struct api_limits *out)
{
	const struct plan_node *limits = plan_get(node, "limits");
	out->request_body_bytes = bounded(limits, PLAN_LIMIT_REQUEST_BODY_BYTES, INT64_MAX);
	out->buffered_body_bytes = count_of(limits, PLAN_LIMIT_BUFFERED_BODY_BYTES);
	out->exchange_ms = ms_of(limits, PLAN_LIMIT_REQUEST_MS);
	out->upstream_idle_ms = ms_of(limits, PLAN_LIMIT_UPSTREAM_IDLE_MS);
	out->request_body = (struct pace_limit){
		.bytes_per_second = count_of(limits, PLAN_LIMIT_REQUEST_BODY_RATE),
		.grace_ms = ms_of(limits, PLAN_LIMIT_REQUEST_BODY_GRACE_MS),
		.stall_ms = LIMIT_PACE_STALL_MS,
	};
	out->response = (struct pace_limit){
		.bytes_per_second = count_of(limits, PLAN_LIMIT_RESPONSE_RATE),
		.grace_ms = ms_of(limits, PLAN_LIMIT_RESPONSE_GRACE_MS),
		.stall_ms = ms_of(limits, PLAN_LIMIT_RESPONSE_STALL_MS),
	};
	out->websocket = (struct websocket_limits){
		.frame_bytes = bounded(limits, PLAN_LIMIT_WEBSOCKET_FRAME_BYTES, INT64_MAX),
		.message_bytes = bounded(limits, PLAN_LIMIT_WEBSOCKET_MESSAGE_BYTES, INT64_MAX),
		.messages_per_second = count_of(limits, PLAN_LIMIT_WEBSOCKET_MESSAGE_RATE),
		.ping_ms = ms_of(limits, PLAN_LIMIT_WEBSOCKET_PING_MS),
	};
	out->response_message = b->generation->shared_limits;
	out->response_message.head_bytes = count_of(limits, PLAN_LIMIT_RESPONSE_HEAD_BYTES);
	out->response_message.fields = count_of(limits, PLAN_LIMIT_RESPONSE_HEAD_FIELDS);
	out->response_message.interim_responses = count_of(limits, PLAN_LIMIT_INTERIM_RESPONSES);
	message_limits_fit(&out->response_message);
}
