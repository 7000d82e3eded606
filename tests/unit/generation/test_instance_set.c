/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/support.h"
#include "unit.h"

#include "generation/instance_set.h"

#include <stdio.h>

/* A bench with `count` instances, of the bindings "a", "b", ... */
static struct bench *bench_with(unsigned count)
{
	struct bench *b = bench_new();
	for (unsigned i = 0; i < count; i++)
		bench_probe(b)->on[CALLBACK_REQUEST_HEAD] = probe_pass;
	bench_start(b);
	return b;
}

/* The set takes a reference over: the bench keeps its own. */
static void add(struct instance_set *s, struct probe *p)
{
	instance_set_add(s, instance_ref(p->instance));
}

static void drop(struct instance_set *s)
{
	while (s->count > 0)
		instance_unref(s->items[--s->count]);
	instance_set_deinit(s);
}

START_TEST(finds_by_key_and_by_binding)
{
	struct bench *b = bench_with(3);
	struct instance_set s;
	instance_set_init(&s);
	add(&s, &b->probes[0]);
	add(&s, &b->probes[1]);
	const struct instance_key *key = instance_key(b->probes[1].instance);
	ck_assert_ptr_eq(instance_set_find(&s, key), b->probes[1].instance);
	ck_assert_ptr_null(instance_set_find(&s, instance_key(b->probes[2].instance)));
	ck_assert_ptr_eq(instance_set_find_binding(&s, STR("a")), b->probes[0].instance);
	ck_assert_ptr_null(instance_set_find_binding(&s, STR("c")));
	drop(&s);
	bench_free(b);
}
END_TEST

static struct sluice_instance *another_of(struct bench *b, const char *binding)
{
	struct diagnostics diagnostics;
	struct sluice_instance *made = NULL;
	struct instance_options o = {
		.plugin = b->plugin,
		.policy = STR("a"),
		.binding = str_of(binding),
		.breadcrumb = 9,
		.workers = 2,
	};
	diagnostics_init(&diagnostics);
	ck_assert_int_eq(instance_new(&o, NULL, &diagnostics, &made), RC_OK);
	diagnostics_deinit(&diagnostics);
	return made;
}

START_TEST(the_newest_of_a_binding_is_the_predecessor)
{
	struct bench *b = bench_with(1);
	struct instance_set s;
	instance_set_init(&s);
	add(&s, &b->probes[0]);
	struct sluice_instance *newer = another_of(b, "a");
	instance_set_add(&s, newer);
	ck_assert_ptr_eq(instance_set_find_binding(&s, STR("a")), newer);
	drop(&s);
	bench_free(b);
}
END_TEST

static void unref(void *arg, struct sluice_instance *unused)
{
	instance_unref(unused);
}

static void take(void *arg, struct sluice_instance *unused)
{
	struct sluice_instance **taken = arg;
	ck_assert_ptr_null(*taken);
	*taken = unused;
}

START_TEST(gives_up_only_what_nobody_else_holds)
{
	struct bench *b = bench_with(1);
	struct instance_set s;
	instance_set_init(&s);
	struct sluice_instance *unused = another_of(b, "x"), *taken = NULL, *none = NULL;
	instance_set_add(&s, unused);
	add(&s, &b->probes[0]);
	instance_set_sweep(&s, take, &taken);
	ck_assert_ptr_eq(taken, unused);
	instance_set_sweep(&s, take, &none);
	ck_assert_ptr_null(none);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_ptr_null(instance_set_find_binding(&s, STR("x")));
	ck_assert_ptr_eq(instance_set_find_binding(&s, STR("a")), b->probes[0].instance);
	instance_unref(unused);
	drop(&s);
	bench_free(b);
}
END_TEST

START_TEST(takes_as_many_as_there_are)
{
	struct bench *b = bench_with(1);
	struct instance_set s;
	instance_set_init(&s);
	for (int i = 0; i < 200; i++)
		add(&s, &b->probes[0]);
	ck_assert_uint_eq(s.count, 200);
	ck_assert_ptr_eq(s.items[199], b->probes[0].instance);
	drop(&s);
	bench_free(b);
}
END_TEST

/* Through several sizes of the tables, and with every third one gone. */
START_TEST(finds_each_of_many)
{
	struct bench *b = bench_with(1);
	struct instance_set s;
	struct sluice_instance *all[300];
	char name[16];
	instance_set_init(&s);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "b%d", i);
		all[i] = another_of(b, name);
		instance_set_add(&s, i % 3 ? instance_ref(all[i]) : all[i]);
	}
	for (int i = 0; i < 300; i++)
		ck_assert_ptr_eq(instance_set_find(&s, instance_key(all[i])), all[i]);
	instance_set_sweep(&s, unref, NULL);
	ck_assert_uint_eq(s.count, 200);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "b%d", i);
		struct sluice_instance *found = instance_set_find_binding(&s, str_of(name));
		ck_assert_ptr_eq(found, i % 3 ? all[i] : NULL);
		if (i % 3)
			instance_unref(all[i]);
	}
	instance_set_sweep(&s, unref, NULL);
	ck_assert_uint_eq(s.count, 0);
	drop(&s);
	bench_free(b);
}
END_TEST

UNIT_SUITE(instance_set, finds_by_key_and_by_binding, the_newest_of_a_binding_is_the_predecessor,
	finds_each_of_many,
	gives_up_only_what_nobody_else_holds, takes_as_many_as_there_are)
