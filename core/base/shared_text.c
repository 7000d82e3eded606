/* SPDX-License-Identifier: Apache-2.0 */
#include "base/shared_text.h"

void shared_text_set(struct shared_text *t, struct str text)
{
	uint64_t words[SHARED_TEXT_WORDS] = {0};
	if (text.n > 0)
		memcpy(words, text.p, text.n < SHARED_TEXT_BYTES ? text.n : SHARED_TEXT_BYTES);
	atomic_fetch_add(&t->version, 1);
	for (size_t i = 0; i < SHARED_TEXT_WORDS; i++)
		atomic_store(&t->words[i], words[i]);
	atomic_fetch_add(&t->version, 1);
}

struct str shared_text_get(const struct shared_text *t, char out[SHARED_TEXT_BYTES])
{
	uint64_t words[SHARED_TEXT_WORDS];
	unsigned before;
	do {
		before = atomic_load(&t->version);
		for (size_t i = 0; i < SHARED_TEXT_WORDS; i++)
			words[i] = atomic_load(&t->words[i]);
	} while (before % 2 != 0 || before != atomic_load(&t->version));
	memcpy(out, words, SHARED_TEXT_BYTES);
	return str_n(out, strnlen(out, SHARED_TEXT_BYTES));
}
