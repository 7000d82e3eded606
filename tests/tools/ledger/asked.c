/* SPDX-License-Identifier: Apache-2.0 */
#include "asked.h"

#include "content.h"
#include "wire.h"

#include <inttypes.h>
#include <string.h>

static const char *const outcome_names[] = {
#define X(name, text) text,
	OUTCOMES(X)
#undef X
};

static const struct load_options *options;
static FILE *ledger;
static uint64_t counts[OUTCOME_COUNT], begun, random_state;
static unsigned busy;
static int64_t opened_ms;

unsigned draw(unsigned below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return below ? (unsigned)((random_state >> 16) % below) : 0;
}

void asked_open(const struct load_options *o)
{
	options = o;
	random_state = (uint64_t)o->seed << 20 | 0x5eed;
	ledger = ledger_open(o->ledger);
	opened_ms = now_ms();
}

void asked_close(void)
{
	ledger_close(ledger);
	printf("{\"seed\": %u, \"seconds\": %.3f, \"requests\": %" PRIu64, options->seed,
		(double)(now_ms() - opened_ms) / 1000, begun);
	for (int i = 0; i < OUTCOME_COUNT; i++)
		printf(", \"%s\": %" PRIu64, outcome_names[i], counts[i]);
	printf("}\n");
}

void asked_tick(void)
{
	ledger_tick(ledger);
}

uint64_t asked_begun(void)
{
	return begun;
}

unsigned asked_busy(void)
{
	return busy;
}

bool asked_is_enough(void)
{
	double passed_ms = (double)(now_ms() - opened_ms);
	return ledger_is_stopped || (options->requests && begun >= options->requests) ||
	       (options->seconds > 0 && passed_ms >= options->seconds * 1000);
}

void asked_begin(struct asked *a, bool is_stream, bool is_reused)
{
	static uint32_t number;
	*a = (struct asked){
		.nonce = (uint64_t)options->seed << 32 | number++,
		.is_reused = is_reused,
		.begun_ms = now_ms(),
		.sent_ms = -1,
	};
	a->progress_ms = a->begun_ms;
	if (is_stream) {
		a->pause_ms = options->pause_ms;
		*(number % 2 ? &a->upload : &a->download) = options->stream_bytes;
	} else {
		a->download = draw(options->body_bytes + 1);
		if (draw(100) < options->uploads)
			a->upload = draw(options->body_bytes) + 1;
	}
	begun++;
	busy++;
}

void asked_target(const struct asked *a, char *to, size_t room)
{
	int n = snprintf(to, room, "%s/n/%016" PRIx64 "?size=%" PRIu64 "%s&pause=%u", options->base,
		a->nonce, a->download, draw(2) ? "&as=chunked" : "", a->download ? a->pause_ms : 0);
	if (n < 0 || (size_t)n >= room)
		die("the base is too long");
}

bool asked_take(struct asked *a, const char *p, size_t n)
{
	/* Of an answer that is none of the origin's there is nothing to compare. */
	bool is_right =
		a->status != 200 || content_matches(a->nonce, DOWNLOAD, a->download_at, p, n);
	a->download_at += n;
	return is_right;
}

static bool is_mine(const struct asked *a)
{
	char nonce[20];
	snprintf(nonce, sizeof(nonce), "%016" PRIx64, a->nonce);
	return strcmp(a->owner, nonce) == 0;
}

enum outcome asked_judge(const struct asked *a)
{
	if (a->status != 200)
		return OUTCOME_STATUS;
	if (!is_mine(a))
		return OUTCOME_WRONG_OWNER;
	bool is_right = a->download_at == a->download && strcmp(a->verdict, "right") == 0;
	return is_right && a->is_sent ? OUTCOME_OK : OUTCOME_WRONG_BODY;
}

enum outcome asked_blame(const struct asked *a)
{
	return is_mine(a) ? OUTCOME_WRONG_BODY : OUTCOME_WRONG_OWNER;
}

void asked_end(const struct asked *a, enum outcome outcome)
{
	counts[outcome]++;
	busy--;
	fprintf(ledger, "%016" PRIx64 "\t%s\t%u\t%s\t%" PRId64 "\t%" PRId64 "\t%" PRId64 "\n",
		a->nonce, outcome_names[outcome], a->status, a->is_reused ? "reused" : "new",
		a->begun_ms, a->is_sent ? a->sent_ms : -1, now_ms());
}
