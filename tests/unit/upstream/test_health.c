/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "upstream/health.h"
#include "upstream/health_grpc.h"

START_TEST(a_request_names_the_service_or_nothing)
{
	char bytes[HEALTH_GRPC_REQUEST_MAX];
	assert_str(health_grpc_request(STR_EMPTY, bytes), "\0\0\0\0\0");
	struct str r = health_grpc_request(STR("shop.Cart"), bytes);
	ck_assert(str_eq(r, str_n("\0\0\0\0\x0b\x0a\x09shop.Cart", 16)));
}
END_TEST

START_TEST(only_serving_is_serving)
{
	ck_assert(health_grpc_serves(str_n("\0\0\0\0\2\x08\1", 7)));
	ck_assert(health_grpc_serves(str_n("\0\0\0\0\4\x08\1\x10\5", 9))); /* a later version */
	static const struct str bad[] = {
		{"\0\0\0\0\2\x08\2", 7},   /* NOT_SERVING */
		{"\0\0\0\0\0", 5},         /* UNKNOWN */
		{"\1\0\0\0\2\x08\1", 7},   /* compressed */
		{"\0\0\0\0\3\x08\1", 7},   /* cut */
		{"\0\0\0\0\2\x08\1\0", 8}, /* more than it says */
		{"\0\0\0\0\2\x10\1", 7},   /* another field */
		{"", 0},
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!health_grpc_serves(bad[i]), "bad[%zu]", i);
}
END_TEST

START_TEST(types_are_known_by_their_names)
{
	ck_assert_int_eq(health_type_of(STR("http")), HEALTH_HTTP);
	ck_assert_int_eq(health_type_of(STR("tcp")), HEALTH_TCP);
	ck_assert_int_eq(health_type_of(STR("grpc")), HEALTH_GRPC);
	ck_assert_int_eq(health_type_of(STR("")), HEALTH_TYPE_COUNT);
}
END_TEST

UNIT_SUITE(health, a_request_names_the_service_or_nothing, only_serving_is_serving,
	types_are_known_by_their_names)
