/* SPDX-License-Identifier: Apache-2.0 */
#include "proxy/tally_key.h"

#include "base/check.h"
#include "base/memory.h"

static void put(struct tally_key *k, struct str s)
{
	CHECK(s.n <= TALLY_LABEL_BYTES_MAX);
	if (s.n > 0)
		memcpy(k->text + k->n, s.p, s.n);
	k->n += s.n;
	k->text[k->n++] = '\0';
}

struct str tally_key_make(struct tally_key *k, struct str a, struct str b, struct str c)
{
	k->n = 0;
	put(k, a);
	put(k, b);
	put(k, c);
	return str_n(k->text, k->n);
}

struct str tally_own(struct str s)
{
	return str_n(heap_strndup(s), s.n);
}
