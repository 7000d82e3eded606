/* SPDX-License-Identifier: Apache-2.0 */
/* The budgets by themselves, and that a session which has spent one says why. */
#include "base/check.h"
#include "h2_rig.h"
#include "http/h2_budget.h"

START_TEST(a_bucket_refills_by_its_rate)
{
	struct h2_bucket b;
	h2_bucket_init(&b, 10, 5);
	for (int i = 0; i < 10; i++)
		ck_assert(h2_bucket_take(&b, 1000, 1));
	ck_assert(!h2_bucket_take(&b, 1000, 1));
	ck_assert(!h2_bucket_take(&b, 1199, 1));
	ck_assert(h2_bucket_take(&b, 1400, 1));
	ck_assert(h2_bucket_take(&b, 1000000, 10));
	ck_assert(!h2_bucket_take(&b, 1000000, 1));
}
END_TEST

START_TEST(a_share_is_of_the_last_streams)
{
	struct h2_share s = {.percent_max = 50, .ended_min = 100};
	for (int i = 0; i < 99; i++)
		ck_assert(h2_share_note(&s, true));
	ck_assert(!h2_share_note(&s, true));
	s = (struct h2_share){.percent_max = 50, .ended_min = 100};
	for (int i = 0; i < 10000; i++)
		ck_assert(h2_share_note(&s, i % 3 == 0));
	for (int i = 0; i < 1000; i++)
		if (!h2_share_note(&s, true))
			return;
	ck_abort_msg("a thousand resets in a row were not seen behind ten thousand streams");
}
END_TEST

static void feed_frames(struct rig *r, unsigned count, unsigned type, struct str payload)
{
	struct buffer b;
	buffer_init(&b, 1 << 20);
	for (unsigned i = 0; i < count; i++)
		put_frame(&b, type, 0, 0, payload);
	bool lives = rig_feed(r, buffer_str(&b));
	(void)lives;
	buffer_deinit(&b);
}

START_TEST(glitches_end_it_within_their_budget)
{
	struct rig *r = rig_new();
	rig_greet(r);
	rig_drop_output(r);
	feed_frames(r, 700, 0xbb, STR("x"));
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_NONE);
	feed_frames(r, 100, 0xbb, STR("x"));
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_DRAINED);
	feed_frames(r, 250, 0xbb, STR("x"));
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_GLITCHES);
	rig_drop_output(r);
	ck_assert(h2_session_is_done(r->server.session));
	rig_free(r);
}
END_TEST

START_TEST(slow_noise_is_no_glitch)
{
	struct rig *r = rig_new();
	rig_greet(r);
	for (int second = 0; second < 60; second++) {
		r->now_ms += 1000;
		feed_frames(r, 90, 0xbb, STR("x"));
	}
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_NONE);
	rig_free(r);
}
END_TEST

START_TEST(acknowledgements_that_nobody_reads_are_bounded)
{
	struct rig *r = rig_new();
	rig_greet(r);
	feed_frames(r, 700, 6, STR("12345678"));
	r->now_ms += 60000;
	feed_frames(r, 700, 6, STR("12345678"));
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_ACKS);
	rig_free(r);
}
END_TEST

/* What is no fault of theirs: their frames crossed our reset. */
START_TEST(content_behind_our_reset_is_let_pass)
{
	struct rig *r = rig_new();
	struct rig_stream *s = rig_ask(r, "POST", "/", CONTENT_LENGTH_UNKNOWN, NULL);
	rig_run(r);
	h2_stream_abandon(&r->server.streams[0].h, H2_CANCEL);
	rig_drop_output(r);
	rig_send(r, s, STR("abc"), true);
	rig_run(r);
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_NONE);
	rig_free(r);
}
END_TEST

START_TEST(the_memory_of_the_library_is_bounded)
{
	static const struct h2_settings settings = {
		.streams_max = 100, .stream_window_bytes = 65535, .connection_window_bytes = 65535};
	struct h2_budgets budgets = H2_BUDGETS_DEFAULT;
	budgets.memory_max = 40000;
	struct rig *r = rig_new_with(&settings, &budgets);
	rig_greet(r);
	struct buffer b;
	buffer_init(&b, 1 << 20);
	for (uint32_t id = 1; id < 200; id += 2)
		put_frame(&b, 1, 5, id, A_GET);
	ck_assert(!rig_feed(r, buffer_str(&b)));
	ck_assert_int_eq(h2_session_ending(r->server.session), H2_ENDING_MEMORY);
	buffer_deinit(&b);
	h2_session_abort(r->server.session);
	rig_free(r);
}
END_TEST

UNIT_SUITE(h2_budget, a_bucket_refills_by_its_rate, a_share_is_of_the_last_streams,
	glitches_end_it_within_their_budget, slow_noise_is_no_glitch,
	acknowledgements_that_nobody_reads_are_bounded, content_behind_our_reset_is_let_pass,
	the_memory_of_the_library_is_bounded)
