/* SPDX-License-Identifier: Apache-2.0 */
/* decompression - policies and upstreams behind it see what a request says, whatever its coding.
 *
 * The head loses its Content-Encoding, the body flows through a decoder. What is too much of it is
 * refused while it comes out, before it goes on. */
#include "compression.h"
#include "decoder.h"

#include "sluice/text.h"

struct state {
	unsigned codings; /* bits of enum coding that are taken */
	struct decoder_bounds bounds;
	struct sluice_str accepted; /* for a 415 */
	char accepted_bytes[32];
	int32_t decompressed, refused;
};

/* --- configuration --------------------------------------------------------------------------- */
static void accept_coding(struct state *s, enum coding coding)
{
	struct sluice_str name = coding_name(coding);
	size_t n = s->accepted.n;
	if (n) {
		memcpy(s->accepted_bytes + n, ", ", 2);
		n += 2;
	}
	memcpy(s->accepted_bytes + n, name.p, name.n);
	s->accepted = (struct sluice_str){s->accepted_bytes, n + name.n};
	s->codings |= 1u << coding;
}

static void read_config(
	const struct sluice_call *call, const struct sluice_value *config, struct state *s)
{
	const struct sluice_host *host = call->host;
	const struct sluice_value *codings = host->value_get(config, SLUICE_STR("codings"));
	for (size_t i = 0; i < host->value_count(codings); i++)
		accept_coding(s, coding_of(host->value_string(
					 host->value_at(codings, i, NULL), SLUICE_STR("gzip"))));
	s->bounds.bytes_max =
		host->value_integer(host->value_get(config, SLUICE_STR("maximumBytes")), 10485760);
	s->bounds.ratio_max =
		host->value_integer(host->value_get(config, SLUICE_STR("maximumRatio")), 100);
}

static int32_t configure(const struct sluice_call *call, const struct sluice_value *config,
	void *previous, void **out)
{
	const struct sluice_host *host = call->host;
	struct state *s = host->instance_alloc(call->instance, sizeof(*s));
	if (!s)
		return SLUICE_E_FULL;
	memset(s, 0, sizeof(*s));
	read_config(call, config, s);
	s->decompressed = host->counter_define(call->instance, SLUICE_STR("decompressed_requests"),
		SLUICE_STR("Requests whose content was decompressed"));
	s->refused = host->counter_define(call->instance, SLUICE_STR("decompression_refused"),
		SLUICE_STR("Requests refused by decompression"));
	*out = s;
	return SLUICE_OK;
}

static void release(const struct sluice_call *call)
{
	call->host->instance_free(call->instance, call->state);
}

/* --- exchanges ------------------------------------------------------------------------------- */
static int32_t refuse(const struct sluice_call *call, struct sluice_exchange *x, int32_t status,
	struct sluice_str message, struct sluice_str reason)
{
	const struct state *s = call->state;
	const struct sluice_str fields[] = {SLUICE_STR("Accept-Encoding"), s->accepted};
	call->host->counter_add(call->instance, s->refused, 1);
	sluice_tell_violation(call->host, x, reason);
	int32_t rc = call->host->respond_error(
		x, status, fields, status == 415 ? 1 : 0, message, reason);
	return rc == SLUICE_OK ? SLUICE_RESPONDED : SLUICE_FAIL;
}

/* The one coding of the content; CODING_COUNT: another, or more than one. */
static enum coding coding_of_request(const struct sluice_host *host, struct sluice_exchange *x)
{
	enum coding found = CODING_IDENTITY;
	struct sluice_str value;
	uint32_t at = 0;
	while (host->field_next(x, SLUICE_REQUEST, SLUICE_STR("content-encoding"), &at, NULL,
		       &value) == SLUICE_OK)
		while (value.n) {
			struct sluice_str name = sluice_trim(sluice_cut(&value, ','));
			enum coding coding = name.n ? coding_of(name) : CODING_IDENTITY;
			if (coding == CODING_IDENTITY)
				continue;
			if (found != CODING_IDENTITY)
				return CODING_COUNT;
			found = coding;
		}
	return found;
}

/* Digests are of what was sent: of other bytes they would be lies. */
static int32_t change_head(const struct sluice_host *host, struct sluice_exchange *x)
{
	static const struct sluice_str names[] = {{"content-encoding", 16}, {"content-digest", 14},
		{"repr-digest", 11}, {"digest", 6}, {"content-md5", 11}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (host->field_remove(x, SLUICE_REQUEST, names[i]) < 0)
			return SLUICE_E_FULL;
	return SLUICE_OK;
}

static int32_t request_head(const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct state *s = call->state;
	enum coding coding = coding_of_request(host, x);
	if (coding == CODING_IDENTITY || host->body_length(x, SLUICE_REQUEST) == 0)
		return host->body_pass(x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
	if (!(s->codings >> coding & 1))
		return refuse(call, x, 415,
			SLUICE_STR("Content of this Content-Encoding is not taken"),
			SLUICE_STR("coding_unsupported"));
	struct decoder *d = decoder_new(call, coding, s->bounds);
	if (!d)
		return SLUICE_FAIL;
	host->data_set(x, d);
	host->counter_add(call->instance, s->decompressed, 1);
	return change_head(host, x) == SLUICE_OK ? SLUICE_CONTINUE : SLUICE_FAIL;
}

struct output {
	const struct sluice_host *host;
	struct sluice_exchange *x;
	int32_t rc;
};

static int32_t give(void *arg, struct sluice_str bytes)
{
	struct output *o = arg;
	return o->rc = o->host->body_replace(o->x, bytes);
}

static int32_t refuse_content(
	const struct sluice_call *call, struct sluice_exchange *x, enum decoder_result why)
{
	switch (why) {
	case DECODER_DAMAGED:
		return refuse(call, x, 400, SLUICE_STR("The content is not what its coding says"),
			SLUICE_STR("coding_damaged"));
	case DECODER_TOO_LARGE:
		return refuse(call, x, 413, SLUICE_STR("The content is too large"),
			SLUICE_STR("decompressed_too_large"));
	default:
		return refuse(call, x, 413, SLUICE_STR("The content is compressed too much"),
			SLUICE_STR("decompression_bomb"));
	}
}

static int32_t request_body(
	const struct sluice_call *call, struct sluice_exchange *x, const struct sluice_body *body)
{
	struct decoder *d = call->host->data_get(x);
	struct output o = {.host = call->host, .x = x};
	/* The piece is gone, also where nothing comes out of it yet. */
	if (!d || call->host->body_replace(x, SLUICE_STR("")) != SLUICE_OK)
		return SLUICE_FAIL;
	enum decoder_result r = decoder_put(d, body->bytes, body->end != 0, give, &o);
	if (r == DECODER_OK)
		return SLUICE_CONTINUE;
	/* So much out of one piece is too much of it, too. */
	if (r == DECODER_STOPPED && o.rc != SLUICE_E_FULL)
		return SLUICE_FAIL;
	return refuse_content(call, x, r);
}

static void done(const struct sluice_call *call, struct sluice_exchange *x)
{
	decoder_free(call->host->data_get(x));
}

const struct sluice_policy decompression_policy = {
	.size = sizeof(decompression_policy),
	.name = "decompression",
	.version = "1.0.0",
	.configure = configure,
	.release = release,
	.request_head = request_head,
	.request_body = request_body,
	.done = done,
};
