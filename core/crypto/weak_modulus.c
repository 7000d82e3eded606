/* SPDX-License-Identifier: Apache-2.0 */
/* Primes of that generator are k * M + (65537^a mod M), M being the product of the first primes. So
 * a modulus is a power of 65537 modulo each of those; others are that only by chance. */
#include "crypto/weak_modulus.h"

#include <stddef.h>

static const unsigned char primes[] = {3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59,
	61, 67, 71, 73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
	163, 167};

static bool is_power_of_f4(unsigned rest, unsigned prime)
{
	unsigned power = 1;
	do {
		if (power == rest)
			return true;
		power = power * (65537 % prime) % prime;
	} while (power != 1);
	return false;
}

bool modulus_is_weak(const BIGNUM *n)
{
	for (size_t i = 0; i < sizeof(primes); i++)
		if (!is_power_of_f4((unsigned)BN_mod_word(n, primes[i]), primes[i]))
			return false;
	return true;
}
