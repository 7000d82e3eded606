/* SPDX-License-Identifier: Apache-2.0 */
#include "base/prng.h"

#include "base/check.h"

#include <string.h>
#include <sys/random.h>

void prng_seed(struct prng *r)
{
	CHECK(getrandom(r->s, sizeof(r->s), 0) == sizeof(r->s));
	r->s[0] |= 1; /* all zero would stay zero */
}

static uint64_t rotate(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t prng_next(struct prng *r)
{
	uint64_t *s = r->s;
	uint64_t result = rotate(s[1] * 5, 7) * 9;
	uint64_t t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotate(s[3], 45);
	return result;
}

/* Eight hexadecimal digits of 32 bits at once: each nibble in a byte of its own, then '0' + n and
 * for n > 9 the distance to 'a' more. */
static void hex8(uint32_t value, char *out)
{
	uint64_t x = __builtin_bswap32(value);
	x = ((x & 0x00000000ffff0000) << 16) | (x & 0xffff);
	x = ((x & 0x0000ff000000ff00) << 8) | (x & 0x000000ff000000ff);
	x = ((x & 0x00f000f000f000f0) >> 4) | ((x & 0x000f000f000f000f) << 8);
	uint64_t letters = ((x + 0x0606060606060606) >> 4) & 0x0101010101010101;
	x += 0x3030303030303030 + letters * ('a' - '0' - 10);
	memcpy(out, &x, 8);
}

void prng_uuid(struct prng *r, char out[UUID_BYTES])
{
	uint64_t high = (prng_next(r) & ~0xf000ull) | 0x4000;
	uint64_t low = (prng_next(r) & ~(3ull << 62)) | (2ull << 62);
	char hex[32];
	hex8((uint32_t)(high >> 32), hex);
	hex8((uint32_t)high, hex + 8);
	hex8((uint32_t)(low >> 32), hex + 16);
	hex8((uint32_t)low, hex + 24);
	memcpy(out, hex, 8);
	out[8] = '-';
	memcpy(out + 9, hex + 8, 4);
	out[13] = '-';
	memcpy(out + 14, hex + 12, 4);
	out[18] = '-';
	memcpy(out + 19, hex + 16, 4);
	out[23] = '-';
	memcpy(out + 24, hex + 20, 12);
}
