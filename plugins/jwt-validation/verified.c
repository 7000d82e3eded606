/* SPDX-License-Identifier: Apache-2.0 */
#include "verified.h"

#include "sluice/text.h"

#define WAYS 4
/* What claims take, by bytes of their text: members of an object, and names and values once more, prepared. */
#define PARSED_BYTES(n) ((n)*10 + 256)
/* Spreads the last characters of a signature, of which each has six bits. */
#define SPREAD UINT64_C(0x9e3779b97f4a7c15)

/* The texts stand behind it. */
struct kept {
	struct verified_token token;
	size_t bytes;
	char texts[];
};

struct place {
	uint64_t keys_number; /* 0: nobody's */
	uint64_t end;         /* of the signature */
	struct kept *kept;    /* owned */
};

struct verified {
	size_t rows; /* a power of two */
	size_t bytes;
	uint32_t turn;
	struct place places[];
};

struct verified *verified_new(const struct sluice_call *call, size_t entries)
{
	size_t rows = 1;
	if (entries == 0)
		return NULL;
	while (rows * WAYS < entries)
		rows *= 2;
	size_t bytes = sizeof(struct verified) + rows * WAYS * sizeof(struct place);
	struct verified *v = call->host->instance_alloc(call->instance, bytes);
	if (!v)
		return NULL;
	memset(v, 0, bytes);
	v->rows = rows;
	return v;
}

static void place_clear(const struct sluice_call *call, struct verified *v, struct place *p)
{
	if (p->kept) {
		v->bytes -= p->kept->bytes;
		jose_object_free(p->kept->token.claims);
		call->host->instance_free(call->instance, p->kept->token.prepared);
		call->host->instance_free(call->instance, p->kept);
	}
	*p = (struct place){.keys_number = 0};
}

void verified_free(const struct sluice_call *call, struct verified *v)
{
	for (size_t i = 0; v && i < v->rows * WAYS; i++)
		place_clear(call, v, &v->places[i]);
	call->host->instance_free(call->instance, v);
}

static uint64_t end_of(struct sluice_str text)
{
	uint64_t end = 0;
	size_t n = text.n < sizeof(end) ? text.n : sizeof(end);
	memcpy(&end, text.p + text.n - n, n);
	return end;
}

static size_t row_of(const struct verified *v, uint64_t end)
{
	return (size_t)((end * SPREAD) >> 40 & (v->rows - 1)) * WAYS;
}

const struct verified_token *verified_find(
	const struct verified *v, struct sluice_str text, uint64_t keys_number)
{
	if (!v)
		return NULL;
	uint64_t end = end_of(text);
	const struct place *row = &v->places[row_of(v, end)];
	for (size_t i = 0; i < WAYS; i++)
		if (row[i].end == end && row[i].keys_number == keys_number &&
			sluice_equal(row[i].kept->token.text, text))
			return &row[i].kept->token;
	return NULL;
}

/* Keys that are gone have the lower numbers. */
static struct place *place_for(struct verified *v, uint64_t end)
{
	struct place *row = &v->places[row_of(v, end)], *to = &row[v->turn++ % WAYS];
	for (size_t i = 0; i < WAYS; i++)
		if (row[i].keys_number < to->keys_number)
			to = &row[i];
	return to;
}

static struct kept *kept_new(
	const struct sluice_call *call, const struct verified_token *token, size_t bytes)
{
	struct sluice_str text = token->text, claims = token->claims_text;
	struct kept *k = call->host->instance_alloc(call->instance, sizeof(*k) + text.n + claims.n);
	if (!k)
		return NULL;
	memcpy(k->texts, text.p, text.n);
	memcpy(k->texts + text.n, claims.p, claims.n);
	k->bytes = bytes;
	k->token = *token;
	k->token.text.p = k->texts;
	k->token.claims_text.p = k->texts + text.n;
	return k;
}

int verified_add(const struct sluice_call *call, struct verified *v,
	const struct verified_token *token, uint64_t keys_number)
{
	size_t bytes = sizeof(struct kept) + token->text.n + token->claims_text.n +
		       PARSED_BYTES(token->claims_text.n);
	if (!v)
		return 0;
	uint64_t end = end_of(token->text);
	struct place *to = place_for(v, end);
	place_clear(call, v, to);
	struct kept *k =
		v->bytes + bytes <= VERIFIED_BYTES_MAX ? kept_new(call, token, bytes) : NULL;
	if (!k)
		return 0;
	*to = (struct place){keys_number, end, k};
	v->bytes += bytes;
	return 1;
}
