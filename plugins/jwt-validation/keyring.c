/* SPDX-License-Identifier: Apache-2.0 */
#include "keyring.h"

#include "sluice/text.h"

#include <stdlib.h>

#define PEM_FIRST "-----BEGIN PUBLIC KEY-----"
#define PEM_LAST  "-----END PUBLIC KEY-----"
#define PEM_LINE  64

/* --- texts ----------------------------------------------------------------------------------- */
static int is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct sluice_str trim(struct sluice_str s)
{
	while (s.n && is_space(s.p[0]))
		s.p++, s.n--;
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static int ends(struct sluice_str s, struct sluice_str end)
{
	return s.n >= end.n && memcmp(s.p + s.n - end.n, end.p, end.n) == 0;
}

/* What stands between the first and the last line, or all. */
static struct sluice_str pem_body(struct sluice_str s)
{
	struct sluice_str first = SLUICE_STR(PEM_FIRST), last = SLUICE_STR(PEM_LAST);
	s = trim(s);
	if (s.n < first.n + last.n || memcmp(s.p, first.p, first.n) != 0 || !ends(s, last))
		return s;
	return (struct sluice_str){s.p + first.n, s.n - first.n - last.n};
}

/* In lines of the length that readers expect: configurations often have it in one. To be freed. */
static char *pem_write(struct sluice_str text, size_t *n)
{
	struct sluice_str body = pem_body(text);
	char *pem = malloc(sizeof(PEM_FIRST) + sizeof(PEM_LAST) + body.n + body.n / PEM_LINE + 4);
	size_t at = sizeof(PEM_FIRST) - 1, column = 0;
	if (!pem)
		return NULL;
	memcpy(pem, PEM_FIRST, at);
	pem[at++] = '\n';
	for (size_t i = 0; i < body.n; i++) {
		if (is_space(body.p[i]))
			continue;
		pem[at++] = body.p[i];
		if (++column % PEM_LINE == 0)
			pem[at++] = '\n';
	}
	if (column % PEM_LINE)
		pem[at++] = '\n';
	memcpy(pem + at, PEM_LAST "\n", sizeof(PEM_LAST));
	*n = at + sizeof(PEM_LAST);
	return pem;
}

static int32_t key_new(const struct sluice_crypto_service *crypto, uint32_t kind,
	struct sluice_str bytes, struct jose_keys *keys)
{
	const struct sluice_key_source source = {
		.size = sizeof(source), .kind = kind, .first = bytes};
	struct sluice_key *key;
	int32_t rc = crypto->key_new(&source, &key);
	return rc == SLUICE_OK ? jose_keys_of(crypto, key, keys) : rc;
}

int32_t key_text_read(const struct sluice_crypto_service *crypto, struct sluice_str text,
	int is_secret, struct jose_keys *keys, const char **why)
{
	size_t n = 0;
	struct sluice_str trimmed = trim(text);
	if (trimmed.n && trimmed.p[0] == '{')
		return jose_keys_read(crypto, trimmed, keys, why);
	*why = is_secret ? "it is no secret of 1 to 4096 bytes"
			 : "it is no public key in PEM that can be relied on";
	if (is_secret)
		return key_new(crypto, SLUICE_KEY_SECRET, text, keys);
	char *pem = pem_write(text, &n);
	int32_t rc = pem ? key_new(crypto, SLUICE_KEY_PEM, (struct sluice_str){pem, n}, keys)
			 : SLUICE_E_INVALID;
	free(pem);
	return rc;
}

/* --- choices --------------------------------------------------------------------------------- */
void keyring_deinit(struct keyring *ring)
{
	for (size_t i = 0; i < KEY_SITES_MAX; i++)
		key_set_let_go(ring->sets[i]);
	for (size_t i = 0; i < KEY_TEXTS_MAX; i++)
		if (ring->texts[i].number)
			jose_keys_deinit(&ring->texts[i].keys);
}

/* 1: it is another set than before, or none where one was. */
static int renew(struct key_set **set, const struct key_site *site, int64_t now_ms, int64_t ttl_ms)
{
	uint64_t generation = key_source_generation(site->source, now_ms, ttl_ms);
	if (generation == (*set ? (*set)->generation : 0))
		return 0;
	key_set_let_go(*set);
	*set = generation ? key_source_get(site->source) : NULL;
	return 1;
}

void keyring_choose_sites(struct keyring *ring, const struct key_site *sites, size_t count,
	int64_t now_ms, int64_t ttl_ms, struct key_choice *choice)
{
	int is_new = ring->sets_number == 0;
	choice->count = 0;
	for (size_t i = 0; i < count; i++) {
		is_new |= renew(&ring->sets[i], &sites[i], now_ms, ttl_ms);
		if (ring->sets[i])
			choice->sets[choice->count++] = &ring->sets[i]->keys;
	}
	if (is_new)
		ring->sets_number = ++ring->last_number;
	choice->number = ring->sets_number;
}

int32_t keyring_choose_text(struct keyring *ring, const struct sluice_crypto_service *crypto,
	struct sluice_str text, int is_secret, struct key_choice *choice, const char **why)
{
	uint8_t digest[32];
	struct jose_keys keys;
	size_t i = 0;
	crypto->sha256(text, digest);
	while (i < KEY_TEXTS_MAX && memcmp(ring->texts[i].digest, digest, 32) != 0)
		i++;
	if (i == KEY_TEXTS_MAX || !ring->texts[i].number) {
		if (key_text_read(crypto, text, is_secret, &keys, why) != SLUICE_OK)
			return SLUICE_E_INVALID;
		i = ring->turn++ % KEY_TEXTS_MAX;
		if (ring->texts[i].number)
			jose_keys_deinit(&ring->texts[i].keys);
		memcpy(ring->texts[i].digest, digest, 32);
		ring->texts[i].keys = keys;
		ring->texts[i].number = ++ring->last_number;
	}
	choice->sets[0] = &ring->texts[i].keys;
	choice->count = 1;
	choice->number = ring->texts[i].number;
	return SLUICE_OK;
}

int32_t key_choice_check(const struct key_choice *choice, const struct jose_token *token)
{
	int32_t worst = SLUICE_E_NOT_FOUND;
	for (size_t i = 0; i < choice->count; i++) {
		int32_t rc = jose_keys_check(choice->sets[i], token);
		if (rc == SLUICE_OK)
			return rc;
		if (rc != SLUICE_E_NOT_FOUND)
			worst = rc;
	}
	return worst;
}
