/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_question.h"

#include "crypto/crypto.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>

/* The command, the script, how many keys, the key. */
#define WORDS_BEFORE  4
#define NUMBER_BYTES  24
#define ANSWER_VALUES 6

/* clang-format off */
__asm__(".pushsection .rodata\n"
	".hidden redis_script_start\n"
	".global redis_script_start\n"
	"redis_script_start: .incbin \"" REDIS_SCRIPT_FILE "\"\n"
	".hidden redis_script_end\n"
	".global redis_script_end\n"
	"redis_script_end: .byte 0\n"
	".popsection\n");
/* clang-format on */
extern const char redis_script_start[], redis_script_end[];

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

static struct str script_text(void)
{
	return str_n(redis_script_start, (size_t)(redis_script_end - redis_script_start));
}

static char script_hex[SHA1_BYTES * 2 + 1];
static pthread_once_t script_hex_made = PTHREAD_ONCE_INIT;

static void script_hex_make(void)
{
	uint8_t digest[SHA1_BYTES];
	sha1(script_text(), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(script_hex + 2 * i, 3, "%02x", digest[i]);
}

static struct str script_digest(void)
{
	pthread_once(&script_hex_made, script_hex_make);
	return str_n(script_hex, SHA1_BYTES * 2);
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

void redis_question_add(struct buffer *out, struct redis_scope scope,
	const struct sluice_question *q, uint64_t version, enum redis_script script)
{
	char numbers[5][NUMBER_BYTES];
	bool is_named = script == REDIS_SCRIPT_NAMED;
	const struct str words[] = {
		str_of(kinds[q->kind]),
		version_write(q->version, numbers[0]),
		version_write(version, numbers[1]),
		number_write(q->for_ms, numbers[2]),
		number_write(q->delta, numbers[3]),
		number_write(q->limit, numbers[4]),
		q->kind == SLUICE_PUT ? str_n(q->value.p, q->value.n) : STR_EMPTY,
	};
	size_t n = sizeof(words) / sizeof(words[0]);
	buffer_addf(out, "*%zu\r\n", WORDS_BEFORE + n);
	word_add(out, is_named ? STR("EVALSHA") : STR("EVAL"));
	word_add(out, is_named ? script_digest() : script_text());
	word_add(out, STR("1"));
	key_add(out, scope, q->key);
	for (size_t i = 0; i < n; i++)
		word_add(out, words[i]);
}

void redis_script_add(struct buffer *out)
{
	const struct str words[] = {STR("SCRIPT"), STR("LOAD"), script_text()};
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
	static const enum redis_kind shape[ANSWER_VALUES] = {
		REDIS_LIST, REDIS_TEXT, REDIS_TEXT, REDIS_INTEGER, REDIS_INTEGER, REDIS_TEXT};
	if (reply->count != ANSWER_VALUES)
		return false;
	for (size_t i = 0; i < ANSWER_VALUES; i++)
		if (reply->values[i].kind != shape[i])
			return false;
	return reply->values[0].integer == ANSWER_VALUES - 1;
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
	struct str value = arena_copy(arena, v[5].text);
	if (value.n != v[5].text.n)
		*a = (struct sluice_answer){.size = sizeof(*a), .result = SLUICE_E_FULL};
	else if (value.n)
		a->value = (struct sluice_str){value.p, value.n};
	else if (a->result == SLUICE_OK)
		a->value = (struct sluice_str){"", 0};
	return RC_OK;
}
