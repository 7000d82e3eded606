/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/buffer.h"
#include "proxy/exchange_priv.h"

#include <stdio.h>

static const struct {
	enum fault fault;
	uint16_t status;
	const char *reason;
} promised[] = {
	{FAULT_NO_API, 404, "no_api"},
	{FAULT_NO_ROUTE, 404, "no_route"},
	{FAULT_METHOD, 405, "method_not_allowed"},
	{FAULT_CLIENT_ABORTED, 499, "client_aborted"},
	{FAULT_CLIENT_PROTOCOL, 400, "bad_request"},
	{FAULT_CLIENT_TIMEOUT, 408, "client_timeout"},
	{FAULT_TLS_HANDSHAKE, 0, "tls_handshake_failed"},
	{FAULT_FIELDS, 431, "too_many_fields"},
	{FAULT_BODY_TOO_LARGE, 413, "body_too_large"},
	{FAULT_WEBSOCKET_VERSION, 426, "websocket_version"},
	{FAULT_WEBSOCKET_HANDSHAKE, 400, "websocket_handshake"},
	{FAULT_ORIGIN, 403, "origin_refused"},
	{FAULT_PROTOCOL, 501, "protocol_not_served"},
	{FAULT_API_UNAVAILABLE, 503, "api_unavailable"},
	{FAULT_QUARANTINED, 503, "quarantined"},
	{FAULT_RULE_LIMIT, 503, "rule_limit"},
	{FAULT_REWRITE, 500, "rewrite_failed"},
	{FAULT_POLICY_FAILED, 503, "policy_failed"},
	{FAULT_POLICY_TIMEOUT, 503, "policy_timeout"},
	{FAULT_RESPONSE_TOO_LARGE, 502, "response_too_large"},
	{FAULT_UPSTREAM_UNRESOLVED, 503, "upstream_unresolved"},
	{FAULT_UPSTREAM_REFUSED, 503, "upstream_refused"},
	{FAULT_UPSTREAM_CONNECT_TIMEOUT, 503, "upstream_connect_timeout"},
	{FAULT_MISDIRECTED, 421, "misdirected"},
	{FAULT_UPSTREAM_TLS, 502, "upstream_tls"},
	{FAULT_UPSTREAM_BUSY, 503, "upstream_busy"},
	{FAULT_UPSTREAM_RESET, 502, "upstream_reset"},
	{FAULT_UPSTREAM_PROTOCOL, 502, "upstream_protocol"},
	{FAULT_UPSTREAM_TIMEOUT, 504, "upstream_timeout"},
	{FAULT_DEADLINE, 504, "deadline_exceeded"},
	{FAULT_UPSTREAM_IDLE, 504, "upstream_idle"},
	{FAULT_NO_ENDPOINT, 503, "no_healthy_endpoint"},
	{FAULT_CIRCUIT_BREAKER, 503, "circuit_breaker"},
	{FAULT_BLOCKED, 403, "access_blocked"},
	{FAULT_MEMORY, 500, "exchange_memory"},
	{FAULT_OVERLOADED, 503, "overloaded"},
	{FAULT_SHUTDOWN, 503, "shutdown"},
};

START_TEST(every_fault_has_the_status_and_reason_that_are_promised)
{
	ck_assert_uint_eq(sizeof(promised) / sizeof(promised[0]), FAULT_COUNT - 1);
	for (size_t i = 0; i < FAULT_COUNT - 1; i++) {
		const struct fault_row *row = fault_row(promised[i].fault);
		ck_assert_uint_eq(row->status, promised[i].status);
		ck_assert_str_eq(row->reason, promised[i].reason);
	}
	ck_assert_str_eq(fault_row(FAULT_NONE)->reason, "ok");
}
END_TEST

/* The row of the documentation's table that names a reason: reason, side and status on one line. */
static bool is_documented(const char *path, const struct fault_row *row)
{
	static const char *const sides[] = {"", "| client |", "| upstream |", "| gateway |"};
	char line[600], reason[64], status[8];
	bool found = false;
	FILE *f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	snprintf(reason, sizeof(reason), "`%s`", row->reason);
	snprintf(status, sizeof(status), "%u", row->status);
	while (!found && fgets(line, sizeof(line), f))
		found = line[0] == '|' && strstr(line, reason) && strstr(line, sides[row->side]) &&
			strstr(line, status);
	fclose(f);
	return found;
}

START_TEST(every_fault_is_documented_with_its_side_and_status)
{
	for (enum fault f = FAULT_NONE + 1; f < FAULT_COUNT; f++)
		ck_assert_msg(is_documented(SOURCE_DIR "/docs/observability.md", fault_row(f)),
			"%s is not in docs/observability.md", fault_row(f)->reason);
}
END_TEST

/* They stand in JSON without being escaped. */
START_TEST(messages_for_clients_are_plain_text)
{
	for (enum fault f = FAULT_NONE + 1; f < FAULT_COUNT; f++) {
		const struct fault_row *row = fault_row(f);
		for (const char *c = row->message; *c; c++)
			ck_assert(*c >= 0x20 && *c < 0x7f && *c != '"' && *c != '\\');
		ck_assert_msg(*row->message || row->status == 499, "%s says nothing", row->reason);
	}
}
END_TEST

START_TEST(states_are_named_as_in_the_tables)
{
	ck_assert_str_eq(request_state_name(REQUEST_HEAD), "HEAD");
	ck_assert_str_eq(request_state_name(REQUEST_DONE), "DONE");
	ck_assert_str_eq(response_state_name(RESPONSE_WAIT), "WAIT");
	ck_assert_str_eq(response_state_name(RESPONSE_TUNNEL), "TUNNEL");
	ck_assert_str_eq(attempt_state_name(ATTEMPT_NONE), "NONE");
	ck_assert_str_eq(attempt_state_name(ATTEMPT_ABANDONED), "ABANDONED");
}
END_TEST

UNIT_SUITE(fault, every_fault_has_the_status_and_reason_that_are_promised,
	every_fault_is_documented_with_its_side_and_status, messages_for_clients_are_plain_text,
	states_are_named_as_in_the_tables)
