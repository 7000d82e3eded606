/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_question.h"

#include "crypto/crypto.h"
#include "state/redis_script.h"
#include "state/redis_slots.h"

#include <inttypes.h>
#include <stdio.h>

/* The command, the script, how many keys, the key. */
#define WORDS_BEFORE  4
#define GENERAL_WORDS 7
#define SPEND_WORDS   3
#define LIMIT_WORDS   4
#define NUMBER_BYTES  24
/* Of an answer: the list, and what each has; of one that tells of a quota two more. */
#define ANSWER_VALUES 6
#define QUOTA_VALUES  8
#define NS_PER_MS     1000000

static const char *const kinds[] = {
	[SLUICE_GET] = "get",
	[SLUICE_PUT] = "put",
	[SLUICE_REMOVE] = "remove",
	[SLUICE_COUNT] = "count",
	[SLUICE_LOCK] = "lock",
	[SLUICE_UNLOCK] = "unlock",
};

static const struct {
	const char *name;
	int32_t result;
} results[] = {
	{"ok", SLUICE_OK},
	{"not found", SLUICE_E_NOT_FOUND},
	{"conflict", SLUICE_E_CONFLICT},
	{"another sort", SLUICE_E_INVALID},
};

/* --- questions ------------------------------------------------------------------------------- */
static void word_add(struct buffer *out, struct str word)
{
	buffer_addf(out, "$%zu\r\n", word.n);
	buffer_add(out, word);
	buffer_add(out, STR("\r\n"));
}

void redis_command_add(struct buffer *out, const struct str *words, size_t n)
{
	buffer_addf(out, "*%zu\r\n", n);
	for (size_t i = 0; i < n; i++)
		word_add(out, words[i]);
}

static void key_add(struct buffer *out, struct redis_scope scope, struct sluice_str asked)
{
	uint8_t digest[SHA256_BYTES];
	char hex[SHA256_BYTES * 2];
	sha256(str_n(asked.p, asked.n), digest);
	sha256_hex(digest, hex);
	buffer_addf(out, "$%zu\r\n", scope.owner.n + 1 + scope.store.n + 1 + sizeof(hex));
	buffer_add(out, scope.owner);
	buffer_add_char(out, ':');
	buffer_add(out, scope.store);
	buffer_add_char(out, ':');
	buffer_add(out, str_n(hex, sizeof(hex)));
	buffer_add(out, STR("\r\n"));
}

static struct str version_write(uint64_t version, char out[NUMBER_BYTES])
{
	if (version == SLUICE_VERSION_ANY)
		return STR("any");
	return str_n(out, (size_t)snprintf(out, NUMBER_BYTES, "%" PRIu64, version));
}

static struct str number_write(int64_t number, char out[NUMBER_BYTES])
{
	if (number > SLUICE_COUNT_MAX)
		number = SLUICE_COUNT_MAX;
	if (number < -SLUICE_COUNT_MAX)
		number = -SLUICE_COUNT_MAX;
	return str_n(out, (size_t)snprintf(out, NUMBER_BYTES, "%" PRId64, number));
}

static void general_add(struct buffer *out, const struct sluice_question *q, uint64_t version)
{
	char numbers[5][NUMBER_BYTES];
	const struct str words[GENERAL_WORDS] = {
		str_of(kinds[q->kind]),
		version_write(q->version, numbers[0]),
		version_write(version, numbers[1]),
		number_write(q->for_ms, numbers[2]),
		number_write(q->delta, numbers[3]),
		number_write(q->limit, numbers[4]),
		q->kind == SLUICE_PUT ? str_n(q->value.p, q->value.n) : STR_EMPTY,
	};
	for (size_t i = 0; i < GENERAL_WORDS; i++)
		word_add(out, words[i]);
}

static void number_add(struct buffer *out, int64_t number)
{
	char text[NUMBER_BYTES];
	word_add(out, str_n(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, number)));
}

/* In which one comes, rounded up. */
static int64_t interval_ns(const struct sluice_quota_limit *l)
{
	return (l->period_ms * NS_PER_MS + l->most - 1) / l->most;
}

static void spend_add(struct buffer *out, const struct sluice_question *q)
{
	static const char *const ways[] = {[SLUICE_QUOTA_FIXED] = "fixed",
		[SLUICE_QUOTA_SLIDING] = "sliding",
		[SLUICE_QUOTA_EVEN] = "even"};
	word_add(out, str_of(ways[q->quota]));
	number_add(out, q->delta);
	number_add(out, q->more);
	for (size_t i = 0; i < q->limit_count; i++) {
		const struct sluice_quota_limit *l = &q->limits[i];
		number_add(out, l->most);
		number_add(out, l->period_ms);
		number_add(out, l->burst);
		number_add(out, q->quota == SLUICE_QUOTA_EVEN ? interval_ns(l) : 0);
	}
}

void redis_question_add(struct buffer *out, struct redis_scope scope,
	const struct sluice_question *q, uint64_t version, enum redis_script script)
{
	bool is_named = script == REDIS_SCRIPT_NAMED, is_spend = q->kind == SLUICE_SPEND;
	size_t n = is_spend ? SPEND_WORDS + LIMIT_WORDS * q->limit_count : GENERAL_WORDS;
	buffer_addf(out, "*%zu\r\n", WORDS_BEFORE + n);
	word_add(out, is_named ? STR("EVALSHA") : STR("EVAL"));
	word_add(out, is_named ? redis_script_digest(q->kind) : redis_script_text(q->kind));
	word_add(out, STR("1"));
	key_add(out, scope, q->key);
	if (is_spend)
		spend_add(out, q);
	else
		general_add(out, q, version);
}

uint16_t redis_question_slot(
	struct buffer *room, struct redis_scope scope, const struct sluice_question *q)
{
	buffer_reset(room);
	key_add(room, scope, q->key);
	/* "$<length>\r\n<key>\r\n" */
	const char *key = (const char *)memchr(room->p, '\n', room->n) + 1;
	return redis_slot_of(str_n(key, room->n - (size_t)(key - room->p) - 2));
}

void redis_script_add(struct buffer *out)
{
	const struct str words[] = {STR("SCRIPT"), STR("LOAD"), redis_script_text(SLUICE_GET)};
	redis_command_add(out, words, sizeof(words) / sizeof(words[0]));
}

/* --- answers --------------------------------------------------------------------------------- */
static enum rc error_take(struct str text, struct sluice_answer *a)
{
	if (str_starts(text, STR("NOSCRIPT")))
		return RC_NOT_FOUND;
	/* Redis 7 says it of the command, Redis 6 within what it says of the script. */
	static const char no_room[] = "OOM command not allowed";
	if (text.n == 0 || !memmem(text.p, text.n, no_room, sizeof(no_room) - 1))
		return RC_REFUSED;
	a->result = SLUICE_E_FULL;
	return RC_OK;
}

static bool result_take(struct str name, struct sluice_answer *a)
{
	for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++)
		if (str_eq(name, str_of(results[i].name))) {
			a->result = results[i].result;
			return true;
		}
	return false;
}

static bool version_take(struct str text, uint64_t *version)
{
	uint64_t n = 0;
	for (size_t i = 0; i < text.n; i++) {
		unsigned digit = (unsigned char)text.p[i] - (unsigned)'0';
		if (digit > 9 || __builtin_mul_overflow(n, 10, &n) ||
			__builtin_add_overflow(n, digit, &n))
			return false;
	}
	*version = n;
	return text.n > 0;
}

static bool has_shape(const struct redis_reply *reply)
{
	static const enum redis_kind shape[QUOTA_VALUES] = {REDIS_LIST, REDIS_TEXT, REDIS_TEXT,
		REDIS_INTEGER, REDIS_INTEGER, REDIS_TEXT, REDIS_INTEGER, REDIS_INTEGER};
	if (reply->count != ANSWER_VALUES && reply->count != QUOTA_VALUES)
		return false;
	for (size_t i = 0; i < reply->count; i++)
		if (reply->values[i].kind != shape[i])
			return false;
	return reply->values[0].integer == (int64_t)reply->count - 1;
}

enum rc redis_answer_take(
	const struct redis_reply *reply, struct arena *arena, struct sluice_answer *a)
{
	const struct redis_value *v = reply->values;
	*a = (struct sluice_answer){.size = sizeof(*a)};
	if (v->kind == REDIS_ERROR)
		return error_take(v->text, a);
	if (!has_shape(reply) || !result_take(v[1].text, a) ||
		!version_take(v[2].text, &a->version))
		return RC_INVALID;
	a->count = v[3].integer;
	a->remaining_ms = v[4].integer;
	if (reply->count == QUOTA_VALUES) {
		a->index = (uint32_t)v[6].integer;
		a->spent = v[7].integer;
	}
	struct str value = arena_copy(arena, v[5].text);
	if (value.n != v[5].text.n)
		*a = (struct sluice_answer){.size = sizeof(*a), .result = SLUICE_E_FULL};
	else if (value.n)
		a->value = (struct sluice_str){value.p, value.n};
	else if (a->result == SLUICE_OK)
		a->value = (struct sluice_str){"", 0};
	return RC_OK;
}
