/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/crypto.h"

#include <endian.h>

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotate(s->v1, 13) ^ s->v0;
	s->v3 = rotate(s->v3, 16) ^ s->v2;
	s->v0 = rotate(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotate(s->v1, 17) ^ s->v2;
	s->v3 = rotate(s->v3, 21) ^ s->v0;
	s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(struct sip *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

/* Little-endian. */
static inline uint64_t word_of(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return le64toh(word);
}

/* Fewer than 8 bytes. */
static inline uint64_t rest_of(const uint8_t *p, size_t n)
{
	uint64_t word = 0;
	memcpy(&word, p, n);
	return le64toh(word);
}

uint64_t keyed_hash(const uint8_t key[16], struct str in)
{
	uint64_t k0 = word_of(key), k1 = word_of(key + 8);
	/* The text of the initial state: "somepseudorandomlygeneratedbytes". */
	struct sip s = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
		k1 ^ 0x7465646279746573};
	const uint8_t *p = (const uint8_t *)in.p;
	size_t whole = in.n / 8;
	for (size_t i = 0; i < whole; i++)
		sip_word(&s, word_of(p + 8 * i));
	uint64_t last = (uint64_t)in.n << 56;
	if (in.n % 8 > 0)
		last |= rest_of(p + 8 * whole, in.n % 8);
	sip_word(&s, last);
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
