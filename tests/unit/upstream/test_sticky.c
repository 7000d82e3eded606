/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "base/arena.h"
#include "upstream/upstream.h"

static struct pool *pool;
static struct arena arena;
static struct fields fields;
static struct service *service;
static struct balancer *balancer;

static struct service *service_of(const char *key, enum sticky_secure secure)
{
	static const struct endpoint_options endpoints[] = {
		{.host = {"127.0.0.1", 9}, .port = 9000, .weight = 1},
		{.host = {"127.0.0.1", 9}, .port = 9001, .weight = 1},
		{.host = {"127.0.0.1", 9}, .port = 9002, .weight = 1},
	};
	struct service_options o = {
		.name = STR("default/kept"),
		.scheme = STR("http"),
		.host = STR("127.0.0.1"),
		.port = 9000,
		.connections_max = 8,
		.endpoints = endpoints,
		.endpoint_count = ARRAY_COUNT(endpoints),
		.balancing.sticky = {.cookie = STR("up"),
			.attributes = STR("; Path=/"),
			.key = str_of(key),
			.secure = secure},
	};
	return service_new(&o);
}

static void begin(const char *key, enum sticky_secure secure)
{
	service = service_of(key, secure);
	balancer = service_balancer(service);
	pool = pool_new();
	arena_init(&arena, pool, 1 << 16);
	fields_init(&fields, &arena);
}

static void end(void)
{
	arena_reset(&arena);
	pool_free(pool);
	service_unref(service);
}

/* The value of an endpoint's cookie. */
static struct str token(unsigned i)
{
	return str_n(balancer->endpoints[i].token, STICKY_TOKEN_BYTES);
}

/* By one field that has the value between two texts. */
static int found_by(const char *before, struct str value, const char *behind)
{
	struct str text = arena_printf(&arena, "%s%.*s%s", before, STR_ARG(value), behind);
	fields_init(&fields, &arena);
	ck_assert_int_eq(fields_add(&fields, STR("Cookie"), text), RC_OK);
	struct endpoint *e = sticky_find(balancer, &fields);
	return e ? (int)e->index : -1;
}

START_TEST(a_cookie_names_its_endpoint_wherever_it_stands)
{
	begin("", STICKY_SECURE_NEVER);
	for (unsigned i = 0; i < balancer->count; i++) {
		ck_assert_int_eq(found_by("up=", token(i), ""), (int)i);
		ck_assert_int_eq(found_by("a=1; up=", token(i), "; b"), (int)i);
		ck_assert_int_eq(found_by("up=old;\t up=", token(i), " ;"), (int)i);
		ck_assert_int_eq(found_by("; ;up; =;up=", token(i), ""), (int)i);
	}
	end();
}
END_TEST

START_TEST(what_names_nobody_is_nobodys)
{
	begin("", STICKY_SECURE_NEVER);
	ck_assert_int_eq(found_by("Up=", token(0), ""), -1);
	ck_assert_int_eq(found_by("up2=", token(0), ""), -1);
	ck_assert_int_eq(found_by("up=\"", token(0), "\""), -1);
	ck_assert_int_eq(found_by("up=", token(0), "0"), -1);
	ck_assert_int_eq(found_by("up=", str_slice(token(0), 0, 23), ""), -1);
	ck_assert_int_eq(found_by("x=up=", token(0), ""), -1);
	fields_init(&fields, &arena);
	ck_assert_ptr_null(sticky_find(balancer, &fields));
	end();
}
END_TEST

START_TEST(the_second_field_counts_too)
{
	begin("", STICKY_SECURE_NEVER);
	struct str text = arena_printf(&arena, "up=%.*s", STR_ARG(token(2)));
	ck_assert_int_eq(fields_add(&fields, STR("cookie"), STR("a=1")), RC_OK);
	ck_assert_int_eq(fields_add(&fields, STR("cookie"), text), RC_OK);
	ck_assert_ptr_eq(sticky_find(balancer, &fields), &balancer->endpoints[2]);
	end();
}
END_TEST

/* Replicas and later versions have to agree, so the value may never change. */
START_TEST(a_value_is_made_of_name_and_key_and_shows_neither)
{
	char with[STICKY_TOKEN_BYTES], without[STICKY_TOKEN_BYTES];
	sticky_token(STR("0123456789abcdef"), STR("127.0.0.1:9000"), with);
	sticky_token(STR_EMPTY, STR("127.0.0.1:9000"), without);
	assert_str(str_n(with, sizeof(with)), "ed11f5aa996b5fe0083623ca");
	assert_str(str_n(without, sizeof(without)), "43af88ff34f5c3b35c32f82c");
	begin("0123456789abcdef", STICKY_SECURE_NEVER);
	ck_assert_mem_eq(balancer->endpoints[0].token, with, sizeof(with));
	ck_assert_mem_ne(balancer->endpoints[1].token, with, sizeof(with));
	end();
}
END_TEST

static void expect_told(enum sticky_secure secure, bool is_https, const char *expected)
{
	begin("", secure);
	ck_assert_int_eq(sticky_tell(balancer, &balancer->endpoints[0], is_https, &fields), RC_OK);
	struct str value = fields_get_id(&fields, FIELD_SET_COOKIE)->value;
	assert_str(str_slice(value, 0, 3), "up=");
	ck_assert(str_eq(str_slice(value, 3, STICKY_TOKEN_BYTES), token(0)));
	ck_assert(str_eq(str_from(value, 3 + STICKY_TOKEN_BYTES), str_of(expected)));
	end();
}

START_TEST(secure_goes_by_the_request_unless_it_is_said)
{
	expect_told(STICKY_SECURE_AS_REQUEST, true, "; Path=/; Secure");
	expect_told(STICKY_SECURE_AS_REQUEST, false, "; Path=/");
	expect_told(STICKY_SECURE_ALWAYS, false, "; Path=/; Secure");
	expect_told(STICKY_SECURE_NEVER, true, "; Path=/");
}
END_TEST

START_TEST(who_is_kept_comes_first_while_it_may_be_asked)
{
	begin("", STICKY_SECURE_NEVER);
	struct endpoint *kept = &balancer->endpoints[2];
	struct balance_wish wish = {.kept = kept};
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_ptr_eq(balancer_take(balancer, &wish), kept);
		balancer_leave(kept);
	}
	wish.tried = endpoint_bit(kept);
	struct endpoint *other = balancer_take(balancer, &wish);
	ck_assert_ptr_ne(other, kept);
	balancer_leave(other);
	wish.tried = 0;
	atomic_store(&kept->is_unhealthy, true);
	atomic_store(&balancer->unhealthy, 1);
	other = balancer_take(balancer, &wish);
	ck_assert_ptr_ne(other, kept);
	balancer_leave(other);
	end();
}
END_TEST

UNIT_SUITE(sticky, a_cookie_names_its_endpoint_wherever_it_stands, what_names_nobody_is_nobodys,
	the_second_field_counts_too, a_value_is_made_of_name_and_key_and_shows_neither,
	secure_goes_by_the_request_unless_it_is_said, who_is_kept_comes_first_while_it_may_be_asked)
