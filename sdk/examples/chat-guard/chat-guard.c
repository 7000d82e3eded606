/* SPDX-License-Identifier: Apache-2.0 */
/* The policy chat-guard: words that nobody wants are masked in the messages of WebSockets.
 *
 * A word may lie across two fragments, and what has passed cannot be taken back: so messages are
 * collected, and shown whole. */
#include <sluice/frames.h>
#include <sluice/sluice.h>

#include <string.h>

#define WORDS_MAX         32
#define MESSAGE_BYTES_MAX 65536

/* One binding, as it is configured; the words lie in the configuration, which lasts as long. */
struct binding {
	struct sluice_str words[WORDS_MAX];
	size_t word_count;
	int64_t warnings;
	int text_alone;
	int32_t masked; /* counter */
};

/* Of one connection. */
struct client {
	int64_t offences;
};

static const struct sluice_frames_service *frames;

static int32_t load(const struct sluice_host *host)
{
	frames = host->service(SLUICE_FRAMES_SERVICE);
	return frames ? SLUICE_OK : SLUICE_E_UNSUPPORTED;
}

/* --- words ----------------------------------------------------------------------------------- */
static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

static int is_word_char(char c)
{
	c = lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static int is_word(struct sluice_str word, const char *p, size_t n)
{
	size_t i = 0;
	if (word.n != n)
		return 0;
	while (i < n && lower(p[i]) == lower(word.p[i]))
		i++;
	return i == n;
}

static int is_unwanted(const struct binding *b, const char *p, size_t n)
{
	for (size_t i = 0; i < b->word_count; i++)
		if (is_word(b->words[i], p, n))
			return 1;
	return 0;
}

/* In place; how many. */
static uint64_t mask(const struct binding *b, char *text, size_t n)
{
	uint64_t count = 0;
	for (size_t at = 0, end; at < n; at = end) {
		for (end = at; end < n && is_word_char(text[end]); end++)
			;
		if (end > at && is_unwanted(b, text + at, end - at)) {
			memset(text + at, '*', end - at);
			count++;
		}
		end += end == at;
	}
	return count;
}

/* --- callbacks ------------------------------------------------------------------------------- */
static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *words = host->value_get(config, SLUICE_STR("words"));
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	*state = b;
	b->word_count = host->value_count(words);
	for (size_t i = 0; i < b->word_count; i++)
		b->words[i] = host->value_string(host->value_at(words, i, NULL), SLUICE_STR(""));
	b->warnings = host->value_integer(host->value_get(config, SLUICE_STR("warnings")), 3);
	b->text_alone = host->value_bool(host->value_get(config, SLUICE_STR("text")), 0);
	b->masked = host->counter_define(call->instance, SLUICE_STR("masked_words"),
		SLUICE_STR("Words that were masked in messages"));
	return b->masked < 0 ? b->masked : frames->collect(call->instance, MESSAGE_BYTES_MAX);
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	struct client *c = call->host->exchange_alloc(x, sizeof(*c));
	if (!c)
		return SLUICE_FAIL;
	c->offences = 0;
	call->host->data_set(x, c);
	return SLUICE_CONTINUE;
}

/* One message too many, or a warning. */
static int32_t judge(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct binding *b = call->state;
	struct client *c = call->host->data_get(x);
	if (!c)
		return SLUICE_E_NOT_FOUND;
	if (++c->offences > b->warnings)
		return frames->close(x, SLUICE_FRAMES_BOTH, 1008, SLUICE_STR("mind your language"));
	return frames->inject(
		x, SLUICE_FRAMES_CLIENT, SLUICE_FRAME_TEXT, SLUICE_STR("mind your language"));
}

static int32_t text_frame(const struct sluice_call *call, struct sluice_exchange *x,
	const struct sluice_frame *f, struct sluice_str bytes)
{
	const struct sluice_host *host = call->host;
	const struct binding *b = call->state;
	char text[MESSAGE_BYTES_MAX];
	if (bytes.n > sizeof(text))
		return SLUICE_E_FULL;
	memcpy(text, bytes.p, bytes.n);
	uint64_t count = mask(b, text, bytes.n);
	if (count == 0)
		return SLUICE_OK;
	host->counter_add(call->instance, b->masked, count);
	int32_t rc = frames->replace(x, (struct sluice_str){text, bytes.n});
	return rc == SLUICE_OK && f->from == SLUICE_FRAMES_CLIENT ? judge(call, x) : rc;
}

static int32_t frame(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *piece)
{
	const struct binding *b = call->state;
	struct sluice_frame f = {.size = sizeof(f)};
	int32_t rc = frames->frame(x, &f);
	if (rc == SLUICE_OK && f.opcode == SLUICE_FRAME_TEXT)
		rc = text_frame(call, x, &f, piece->bytes);
	else if (rc == SLUICE_OK && f.opcode == SLUICE_FRAME_BINARY && b->text_alone &&
		 f.from == SLUICE_FRAMES_CLIENT)
		rc = frames->drop(x);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const char *const services[] = {SLUICE_FRAMES_SERVICE, NULL};
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "chat-guard",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.request_head = request_head,
		.frame = frame,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "chat-guard",
		.version = "1.0.0",
		.policies = policies,
		.requires_services = services,
		.load = load,
	};
	return &plugin;
}
