/* SPDX-License-Identifier: Apache-2.0 */
/* The policy mask-numbers: card numbers leave the gateway without their middle.
 *
 * A response passes piece by piece, and a number may lie across two pieces, or twenty. So what
 * might still become a number is held back: never more than RUN_MAX bytes, whatever the response is
 * long.
 *
 * A body that is compressed cannot be looked into. The request therefore asks for one that is not,
 * and a response that is compressed all the same is not passed on. */
#include <sluice/sluice.h>
#include <sluice/text.h>

#include <util/content.h>

#define DIGITS_MIN 13
#define DIGITS_MAX 19
#define RUN_MAX    (2 * DIGITS_MAX) /* a separator behind each digit */

/* One binding, as it is configured. */
struct binding {
	uint32_t keep; /* last digits that stay */
	char mask;
	int32_t masked; /* counter */
};

/* What is held back of one response: groups of digits, with one separator behind each but the last,
 * which may still grow. */
struct run {
	size_t n, digits;
	int passes; /* a group of more than DIGITS_MAX digits: the rest of it is no card number */
	char text[RUN_MAX];
};

/* --- a run of groups of digits --------------------------------------------------------------- */
static int is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int is_separator(char c)
{
	return c == ' ' || c == '-';
}

/* The checksum of ISO/IEC 7812-1, which one number in ten has by chance. */
static int has_checksum(const char *text, size_t n)
{
	uint32_t sum = 0, place = 0;
	for (size_t i = n; i-- > 0;) {
		if (!is_digit(text[i]))
			continue;
		uint32_t d = (uint32_t)(text[i] - '0');
		if (place++ % 2 == 1)
			d = d * 2 > 9 ? d * 2 - 9 : d * 2;
		sum += d;
	}
	return sum % 10 == 0;
}

/* The length of the longest card number of whole groups at the beginning; 0: none is there. A 20th
 * digit, or the end of the run, has made whole what counts here. */
static size_t number_length(const struct run *r)
{
	size_t length = 0, digits = 0;
	for (size_t i = 0; i < r->n && digits < DIGITS_MAX; i++) {
		if (!is_digit(r->text[i]))
			continue;
		digits++;
		int is_whole = i + 1 == r->n || !is_digit(r->text[i + 1]);
		if (digits >= DIGITS_MIN && is_whole && has_checksum(r->text, i + 1))
			length = i + 1;
	}
	return length;
}

static void mask(const struct binding *b, char *text, size_t n)
{
	size_t kept = 0;
	for (size_t i = n; i-- > 0;)
		if (is_digit(text[i]) && kept++ >= b->keep)
			text[i] = b->mask;
}

/* Behind the first separator from `at` on; the end when there is none. */
static size_t behind_group(const struct run *r, size_t at)
{
	while (at < r->n && !is_separator(r->text[at]))
		at++;
	return at < r->n ? at + 1 : at;
}

/* Lets the beginning of the run pass: a number, masked, or else one group. */
static int32_t run_settle(const struct sluice_call *call, struct sluice_exchange *x, struct run *r)
{
	const struct sluice_host *host = call->host;
	size_t number = number_length(r);
	if (number > 0) {
		mask(call->state, r->text, number);
		host->counter_add(call->instance, ((const struct binding *)call->state)->masked, 1);
	}
	size_t passing = behind_group(r, number);
	int32_t rc = host->body_replace(x, (struct sluice_str){r->text, passing});
	r->passes = number == 0 && passing == r->n && !is_separator(r->text[passing - 1]);
	r->n -= passing;
	memmove(r->text, r->text + passing, r->n);
	r->digits = 0;
	for (size_t i = 0; i < r->n; i++)
		r->digits += (size_t)is_digit(r->text[i]);
	return rc;
}

static int32_t run_end(const struct sluice_call *call, struct sluice_exchange *x, struct run *r)
{
	int32_t rc = SLUICE_OK;
	while (rc == SLUICE_OK && r->n > 0)
		rc = run_settle(call, x, r);
	r->passes = 0;
	return rc;
}

/* Whether c goes on with the run. */
static int run_takes(const struct run *r, char c)
{
	if (is_digit(c))
		return !r->passes;
	return is_separator(c) && r->n > 0 && is_digit(r->text[r->n - 1]);
}

static int32_t run_add(
	const struct sluice_call *call, struct sluice_exchange *x, struct run *r, char c)
{
	int32_t rc = SLUICE_OK;
	while (rc == SLUICE_OK && (r->n == RUN_MAX || (is_digit(c) && r->digits == DIGITS_MAX)))
		rc = run_settle(call, x, r);
	if (rc != SLUICE_OK || r->passes)
		return rc != SLUICE_OK ? rc
				       : call->host->body_replace(x, (struct sluice_str){&c, 1});
	r->text[r->n++] = c;
	r->digits += (size_t)is_digit(c);
	return SLUICE_OK;
}

/* --- callbacks ------------------------------------------------------------------------------- */
static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **state)
{
	const struct sluice_host *host = call->host;
	struct binding *b = host->instance_alloc(call->instance, sizeof(*b));
	(void)previous;
	if (!b)
		return SLUICE_E_FULL;
	b->keep = (uint32_t)host->value_integer(host->value_get(config, SLUICE_STR("keep")), 4);
	b->mask = host->value_string(host->value_get(config, SLUICE_STR("mask")), SLUICE_STR("*"))
			  .p[0];
	b->masked = host->counter_define(call->instance, SLUICE_STR("masked_numbers"),
		SLUICE_STR("Card numbers that were masked in responses"));
	*state = b;
	return b->masked < 0 ? b->masked : SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	int32_t rc = call->host->field_set(
		x, SLUICE_REQUEST, SLUICE_STR("accept-encoding"), SLUICE_STR("identity"));
	/* Part of a body begins in the middle of a number. */
	if (rc == SLUICE_OK)
		rc = call->host->field_remove(x, SLUICE_REQUEST, SLUICE_STR("range"));
	return rc < 0 ? SLUICE_FAIL : SLUICE_CONTINUE;
}

/* Of other bytes than these, they would be lies. */
static int32_t remove_digests(const struct sluice_host *host, struct sluice_exchange *x)
{
	static const struct sluice_str names[] = {{"etag", 4}, {"content-digest", 14},
		{"repr-digest", 11}, {"digest", 6}, {"content-md5", 11}};
	int32_t rc = 0;
	for (size_t i = 0; rc >= 0 && i < sizeof(names) / sizeof(*names); i++)
		rc = host->field_remove(x, SLUICE_RESPONSE, names[i]);
	return rc;
}

static int32_t response_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const uint32_t text = CONTENT_JSON | CONTENT_XML | CONTENT_FORM | CONTENT_TEXT;
	if (host->body_length(x, SLUICE_RESPONSE) == 0 ||
		!(content_kinds(host, x, SLUICE_RESPONSE) & text))
		return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
	if (content_is_encoded(host, x, SLUICE_RESPONSE)) {
		host->log(call->instance, x, SLUICE_LOG_WARN,
			SLUICE_STR("the upstream compresses, though it was asked not to"));
		return SLUICE_FAIL;
	}
	struct run *r = host->exchange_alloc(x, sizeof(*r));
	if (!r)
		return SLUICE_FAIL;
	r->n = r->digits = 0;
	r->passes = 0;
	host->data_set(x, r);
	return remove_digests(host, x) < 0 ? SLUICE_FAIL : SLUICE_CONTINUE;
}

static int32_t response_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	const struct sluice_host *host = call->host;
	struct run *r = host->data_get(x);
	const char *p = body->bytes.p, *end = p + body->bytes.n;
	/* From here on the piece is what body_replace is given, and nothing else. */
	int32_t rc = r ? host->body_replace(x, SLUICE_STR("")) : SLUICE_E_NOT_FOUND;
	while (rc == SLUICE_OK && p < end) {
		if (run_takes(r, *p)) {
			rc = run_add(call, x, r, *p++);
			continue;
		}
		const char *from = p;
		if (!is_digit(*p))
			rc = run_end(call, x, r);
		while (p < end && is_digit(*p) == is_digit(*from))
			p++;
		if (rc == SLUICE_OK)
			rc = host->body_replace(x, (struct sluice_str){from, (size_t)(p - from)});
	}
	if (rc == SLUICE_OK && body->end)
		rc = run_end(call, x, r);
	return rc == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

const struct sluice_plugin *sluice_plugin_v1(void)
{
	static const struct sluice_policy policy = {
		.size = sizeof(policy),
		.name = "mask-numbers",
		.version = "1.0.0",
		.configure = configure,
		.release = release,
		.request_head = request_head,
		.response_head = response_head,
		.response_body = response_body,
	};
	static const struct sluice_policy *const policies[] = {&policy};
	static const struct sluice_plugin plugin = {
		.size = sizeof(plugin),
		.abi_major = SLUICE_ABI_MAJOR,
		.abi_minor = SLUICE_ABI_MINOR,
		.policy_count = 1,
		.name = "mask-numbers",
		.version = "1.0.0",
		.policies = policies,
	};
	return &plugin;
}
