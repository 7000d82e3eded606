/* SPDX-License-Identifier: Apache-2.0 */
/* crypto/weak_modulus.h - RSA moduli of a generator that is known to be broken. */
#pragma once

#include <stdbool.h>

#include <openssl/bn.h>

/* Whether it has the mark of ROCA (Nemec et al., "The Return of Coppersmith's Attack", 2017;
 * CVE-2017-15361). One modulus in 2^27 has it by chance. */
bool modulus_is_weak(const BIGNUM *n);
