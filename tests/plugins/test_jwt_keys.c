/* SPDX-License-Identifier: Apache-2.0 */
/* When a key set is asked for, who waits for it, and which tokens are remembered. */
#include "jwt-validation/key_source.h"
#include "jwt-validation/verified.h"

#include "unit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL 60000

/* --- a host of nothing but what is used ------------------------------------------------------- */
static size_t resumed;

static int32_t resume(sluice_token token)
{
	resumed++;
	return token ? SLUICE_OK : SLUICE_E_STALE;
}

static const struct sluice_shared_type *held;

static int32_t hold(struct sluice_instance *instance, const struct sluice_shared_type *type,
	struct sluice_str name, void *arg, void **object);
static const void *service(const char *name)
{
	static const struct sluice_shared_service shared = {.size = sizeof(shared), .hold = hold};
	return strcmp(name, SLUICE_SHARED_SERVICE) == 0 ? &shared : NULL;
}

static void *take(struct sluice_instance *instance, size_t size)
{
	(void)instance;
	return malloc(size);
}

static void give(struct sluice_instance *instance, void *p)
{
	(void)instance;
	free(p);
}

static const struct sluice_host host = {.size = sizeof(host),
	.service = service,
	.resume = resume,
	.instance_alloc = take,
	.instance_free = give};
static const struct sluice_call call = {.size = sizeof(call), .host = &host};

static int32_t hold(struct sluice_instance *instance, const struct sluice_shared_type *type,
	struct sluice_str name, void *arg, void **object)
{
	(void)instance;
	held = type;
	return type->make(&call, name, arg, object);
}

static struct key_source *source_new(void)
{
	struct key_source *s;
	ck_assert_int_eq(key_source_hold(&call, SLUICE_STR("set"), &s), SLUICE_OK);
	resumed = 0;
	return s;
}

static struct jose_keys *some_keys(void)
{
	static struct jose_keys keys; /* of nothing: it is not looked at */
	return &keys;
}

/* --- sources --------------------------------------------------------------------------------- */
START_TEST(one_fetches_and_all_have_it)
{
	struct key_source *s = source_new();
	ck_assert_uint_eq(key_source_generation(s, 0, TTL), 0);
	ck_assert_ptr_null(key_source_get(s));
	ck_assert_int_eq(key_source_claim(s, 0, TTL, 0), 1);
	ck_assert_int_eq(key_source_claim(s, 0, TTL, 0), 0);
	ck_assert_int_eq(key_source_claim(s, 0, TTL, 1), 0);
	key_source_settle(s, 10, KEYS_CAME, some_keys());
	uint64_t first = key_source_generation(s, 10, TTL);
	ck_assert_uint_ne(first, 0);
	ck_assert_int_eq(key_source_claim(s, 10 + TTL - 1, TTL, 0), 0);
	ck_assert_int_eq(key_source_claim(s, 10 + TTL, TTL, 0), 1);
	struct key_set *set = key_source_get(s);
	ck_assert_uint_eq(set->generation, first);
	key_source_settle(s, 20 + TTL, KEYS_CAME, some_keys());
	ck_assert_uint_gt(key_source_generation(s, 20 + TTL, TTL), first);
	ck_assert_uint_eq(set->generation, first); /* as long as somebody has it */
	key_set_let_go(set);
	held->free(s);
}
END_TEST

START_TEST(failures_double_the_pause_and_keep_what_is_there)
{
	struct key_source *s = source_new();
	int64_t now = 1000000, pause = 1000;
	ck_assert_int_eq(key_source_claim(s, now, TTL, 0), 1);
	key_source_settle(s, now, KEYS_CAME, some_keys());
	uint64_t generation = key_source_generation(s, now, TTL);
	int64_t fetched = now;
	now += TTL;
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(key_source_claim(s, now, TTL, 0), 1);
		key_source_settle(s, now, KEYS_FAILED, NULL);
		ck_assert_uint_eq(key_source_generation(s, now, TTL), generation);
		ck_assert_int_eq(key_source_claim(s, now + pause - 1, TTL, 0), 0);
		ck_assert_int_eq(key_source_claim(s, now + pause - 1, TTL, 1), 0);
		now += pause;
		pause = pause < 64000 ? 2 * pause : pause;
	}
	now = fetched + TTL + KEY_STALE_MS;
	ck_assert_uint_eq(key_source_generation(s, now, TTL), generation);
	ck_assert_uint_eq(key_source_generation(s, now + 1, TTL), 0);
	held->free(s);
}
END_TEST

START_TEST(what_breaks_off_is_asked_again_at_once_but_once)
{
	struct key_source *s = source_new();
	ck_assert_int_eq(key_source_claim(s, 5, TTL, 0), 1);
	key_source_settle(s, 5, KEYS_BROKEN_OFF, NULL);
	ck_assert_int_eq(key_source_claim(s, 5, TTL, 1), 1);
	key_source_settle(s, 5, KEYS_BROKEN_OFF, NULL);
	ck_assert_int_eq(key_source_claim(s, 5, TTL, 1), 0);
	ck_assert_int_eq(key_source_claim(s, 1005, TTL, 1), 1);
	key_source_settle(s, 1005, KEYS_CAME, some_keys());
	ck_assert_int_eq(key_source_claim(s, 1005 + TTL, TTL, 0), 1);
	key_source_settle(s, 1005 + TTL, KEYS_BROKEN_OFF, NULL);
	ck_assert_int_eq(key_source_claim(s, 1005 + TTL, TTL, 0), 1);
	key_source_settle(s, 1005 + TTL, KEYS_FAILED, NULL);
	ck_assert_int_eq(key_source_claim(s, 1005 + TTL, TTL, 0), 0);
	held->free(s);
}
END_TEST

START_TEST(keys_that_nobody_knows_fetch_once_in_their_time)
{
	struct key_source *s = source_new();
	int64_t now = 1000000;
	int fetches = 0;
	ck_assert_int_eq(key_source_claim(s, now, 86400000, 1), 1); /* there was none anyway */
	key_source_settle(s, now, KEYS_CAME, some_keys());
	for (int64_t until = now + 10 * KEY_UNKNOWN_MS; now < until; now += 10) {
		if (!key_source_claim(s, now, 86400000, 1))
			continue;
		fetches++;
		key_source_settle(s, now, KEYS_CAME, some_keys());
	}
	ck_assert_int_eq(fetches, 10);
	held->free(s);
}
END_TEST

START_TEST(a_bounded_number_waits)
{
	struct key_source *s = source_new();
	ck_assert_int_eq(key_source_await(s, 1), 0);
	ck_assert_int_eq(key_source_claim(s, 0, TTL, 0), 1);
	ck_assert_int_eq(key_source_is_fetching(s), 1);
	for (int i = 0; i < KEY_WAITERS_MAX; i++)
		ck_assert_int_eq(key_source_await(s, 7), 1);
	ck_assert_int_eq(key_source_await(s, 7), SLUICE_E_FULL);
	ck_assert_uint_eq(resumed, 0);
	key_source_settle(s, 0, KEYS_FAILED, NULL);
	ck_assert_uint_eq(resumed, KEY_WAITERS_MAX);
	ck_assert_int_eq(key_source_is_fetching(s), 0);
	ck_assert_int_eq(key_source_claim(s, 5000, TTL, 0), 1);
	key_source_settle(s, 5000, KEYS_CAME, some_keys());
	ck_assert_uint_eq(resumed, KEY_WAITERS_MAX);
	held->free(s);
}
END_TEST

/* Each worker as requests are: looks, takes, and fetches where it is its turn. */
static _Atomic int fetching, fetches;

static void *work(void *arg)
{
	struct key_source *s = arg;
	for (int64_t now = 0; now < 20000; now++) {
		struct key_set *set = key_source_get(s);
		uint64_t generation = key_source_generation(s, now, 10);
		if (set && generation)
			ck_assert_uint_ge(generation, 1);
		if (key_source_claim(s, now, 10, now % 100 == 0)) {
			ck_assert_int_eq(fetching++, 0);
			fetches++;
			fetching--;
			key_source_settle(
				s, now, now % 7 ? KEYS_CAME : KEYS_BROKEN_OFF, some_keys());
		}
		key_set_let_go(set);
	}
	return NULL;
}

START_TEST(workers_share_it_and_one_fetches_at_a_time)
{
	struct key_source *s = source_new();
	pthread_t workers[4];
	for (size_t i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&workers[i], NULL, work, s), 0);
	for (size_t i = 0; i < 4; i++)
		pthread_join(workers[i], NULL);
	ck_assert_int_gt(fetches, 10);
	held->free(s);
}
END_TEST

/* --- remembered tokens ------------------------------------------------------------------------ */
static struct sluice_str token_of(uint32_t n, char room[64])
{
	int length = snprintf(room, 64, "header.claims.%08x%08x", n * 2654435761u, n * 2246822519u);
	return (struct sluice_str){room, (size_t)length};
}

/* Takes over an object of that text. */
static int remember(struct verified *v, struct sluice_str token, const char *claims, uint64_t keys)
{
	struct verified_token t = {token, {claims, strlen(claims)}, NULL, malloc(1)};
	ck_assert_int_eq(jose_object_read(t.claims_text, &t.claims), SLUICE_OK);
	int is_taken = verified_add(&call, v, &t, keys);
	if (!is_taken) {
		jose_object_free(t.claims);
		free(t.prepared);
	}
	return is_taken;
}

START_TEST(a_token_is_remembered_with_its_keys_and_claims)
{
	struct verified *v = verified_new(&call, 100);
	char room[64], other_room[64];
	struct sluice_str one = token_of(1, room), other = token_of(1, other_room);
	other_room[0] = 'H'; /* the signature is the same */
	ck_assert_ptr_null(verified_find(v, one, 1));
	ck_assert_int_eq(remember(v, one, "{\"sub\":\"ann\"}", 1), 1);
	const struct verified_token *found = verified_find(v, one, 1);
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(jose_text(jose_get(found->claims, "sub")).p, "ann");
	ck_assert_int_eq(memcmp(found->claims_text.p, "{\"sub\"", 6), 0);
	ck_assert_ptr_null(verified_find(v, one, 2));
	ck_assert_ptr_null(verified_find(v, other, 1));
	ck_assert_ptr_null(verified_find(v, (struct sluice_str){one.p, one.n - 1}, 1));
	verified_free(&call, v);
	ck_assert_ptr_null(verified_new(&call, 0));
	ck_assert_ptr_null(verified_find(NULL, one, 1));
	ck_assert_int_eq(remember(NULL, one, "{}", 1), 0);
}
END_TEST

START_TEST(newcomers_take_places_and_no_more)
{
	struct verified *v = verified_new(&call, 64);
	char room[64];
	int remembered = 0;
	for (uint32_t i = 0; i < 10000; i++) {
		struct sluice_str token = token_of(i, room);
		ck_assert_int_eq(remember(v, token, "{}", 1 + i / 5000), 1);
		ck_assert_ptr_nonnull(verified_find(v, token, 1 + i / 5000));
	}
	for (uint32_t i = 0; i < 10000; i++)
		remembered += verified_find(v, token_of(i, room), 2) != NULL;
	ck_assert_int_gt(remembered, 32);
	ck_assert_int_le(remembered, 64);
	verified_free(&call, v);
}
END_TEST

START_TEST(what_is_remembered_has_its_bound)
{
	struct verified *v = verified_new(&call, 65536);
	static char claims[1 << 20];
	int taken = 0;
	char room[64];
	memset(claims, ' ', sizeof(claims) - 1);
	claims[0] = '{', claims[sizeof(claims) - 2] = '}';
	for (uint32_t i = 0; i < 40; i++)
		taken += remember(v, token_of(i, room), claims, 1);
	/* Eleven bytes for one of its text, and one that did not fit leaves the others. */
	ck_assert_int_eq(taken, VERIFIED_BYTES_MAX / (11u << 20));
	for (uint32_t i = 0; i < 40; i++)
		taken -= verified_find(v, token_of(i, room), 1) != NULL;
	ck_assert_int_eq(taken, 0);
	verified_free(&call, v);
}
END_TEST

START_TEST(a_former_processs_set_counts_until_one_comes)
{
	struct key_source *s = source_new();
	const int64_t now = 1000000;
	ck_assert_int_eq(key_source_has_set(s), 0);
	key_source_restore(s, now - TTL / 2, some_keys());
	uint64_t restored = key_source_generation(s, now, TTL);
	ck_assert_uint_ne(restored, 0);
	ck_assert_int_eq(key_source_has_set(s), 1);
	ck_assert_int_eq(key_source_claim(s, now, TTL, 0), 1); /* due, however young */
	key_source_settle(s, now, KEYS_FAILED, NULL);
	ck_assert_uint_eq(key_source_generation(s, now, TTL), restored);
	ck_assert_int_eq(key_source_claim(s, now + 999, TTL, 0), 0);
	ck_assert_int_eq(key_source_claim(s, now + 1000, TTL, 0), 1);
	key_source_settle(s, now + 1000, KEYS_CAME, some_keys());
	ck_assert_uint_gt(key_source_generation(s, now + 1000, TTL), restored);
	ck_assert_int_eq(key_source_claim(s, now + 1000, TTL, 0), 0);
	uint64_t fresh = key_source_generation(s, now + 1000, TTL);
	key_source_restore(s, now, some_keys()); /* too late */
	ck_assert_uint_eq(key_source_generation(s, now + 1000, TTL), fresh);
	held->free(s);
}
END_TEST

START_TEST(a_former_processs_set_ends_at_its_age)
{
	struct key_source *s = source_new();
	key_source_restore(s, -TTL - KEY_STALE_MS, some_keys());
	ck_assert_uint_ne(key_source_generation(s, 0, TTL), 0);
	ck_assert_uint_eq(key_source_generation(s, 1, TTL), 0);
	held->free(s);
}
END_TEST

UNIT_SUITE(jwt_keys, workers_share_it_and_one_fetches_at_a_time, one_fetches_and_all_have_it,
	failures_double_the_pause_and_keep_what_is_there,
	what_breaks_off_is_asked_again_at_once_but_once,
	keys_that_nobody_knows_fetch_once_in_their_time, a_bounded_number_waits,
	a_former_processs_set_counts_until_one_comes, a_former_processs_set_ends_at_its_age,
	a_token_is_remembered_with_its_keys_and_claims, newcomers_take_places_and_no_more,
	what_is_remembered_has_its_bound)
