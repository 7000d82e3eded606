/* SPDX-License-Identifier: Apache-2.0 */
/* keyring.h - the keys that a worker checks tokens by: of the configuration, of URLs, or of expressions.
 *
 * Each choice has a number that no other keys of the worker have had: what was found out by it holds as long as it comes.
 *
 * Threads      one worker; key_text_read any.
 */
#pragma once

#include "key_site.h"

#define KEY_SITES_MAX 9 /* eight URLs and an issuer */
#define KEY_TEXTS_MAX 8

struct key_choice {
	const struct jose_keys *sets[KEY_SITES_MAX];
	size_t count;
	uint64_t number; /* not 0 */
};

struct keyring {
	struct key_set *sets[KEY_SITES_MAX]; /* refs, by site; NULL: none */
	uint64_t sets_number, last_number;
	struct {
		uint8_t digest[32]; /* of the text */
		struct jose_keys keys;
		uint64_t number; /* 0: an empty place */
	} texts[KEY_TEXTS_MAX];
	size_t turn;
};

/* What textKey may be: PEM with or without its first and last line, a JSON Web Key or a set; or a secret. Errors as
 * jose_keys_read has them. */
int32_t key_text_read(const struct sluice_crypto_service *crypto, struct sluice_str text,
	int is_secret, struct jose_keys *keys, const char **why);

void keyring_deinit(struct keyring *ring);
/* Of those sites whose set is there. */
void keyring_choose_sites(struct keyring *ring, const struct key_site *sites, size_t count,
	int64_t now_ms, int64_t ttl_ms, struct key_choice *choice);
/* Remembers the last few texts. */
int32_t keyring_choose_text(struct keyring *ring, const struct sluice_crypto_service *crypto,
	struct sluice_str text, int is_secret, struct key_choice *choice, const char **why);

/* As jose_keys_check, of all sets: the first that says yes counts. */
int32_t key_choice_check(const struct key_choice *choice, const struct jose_token *token);
