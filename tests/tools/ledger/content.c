/* SPDX-License-Identifier: Apache-2.0 */
#include "content.h"

/* splitmix64, so that the word at any offset is found without those before it. */
static uint64_t word_at(uint64_t seed, uint64_t index)
{
	uint64_t z = seed + (index + 1) * 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static char byte_at(uint64_t word, uint64_t at)
{
	return (char)(word >> (at % 8 * 8));
}

void content_write(uint64_t nonce, enum direction direction, uint64_t at, char *to, size_t n)
{
	uint64_t seed = nonce * 4 + direction;
	uint64_t word = word_at(seed, at / 8);
	for (size_t i = 0; i < n; i++, at++) {
		if (at % 8 == 0)
			word = word_at(seed, at / 8);
		to[i] = byte_at(word, at);
	}
}

bool content_matches(uint64_t nonce, enum direction direction, uint64_t at, const char *p, size_t n)
{
	uint64_t seed = nonce * 4 + direction;
	uint64_t word = word_at(seed, at / 8);
	for (size_t i = 0; i < n; i++, at++) {
		if (at % 8 == 0)
			word = word_at(seed, at / 8);
		if (p[i] != byte_at(word, at))
			return false;
	}
	return true;
}
