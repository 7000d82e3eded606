/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/breadcrumb.h"

#include "policy/policy_priv.h"

_Thread_local struct policy_thread policy_thread;

const char *callback_name(enum callback c)
{
	static const char *const names[] = {
#define X(name, text) [CALLBACK_##name] = text,
		CALLBACKS(X)
#undef X
	};
	return (unsigned)c < CALLBACK_COUNT ? names[c] : "none";
}

void breadcrumb_set_word(breadcrumb_word *word)
{
	policy_thread.word = word;
}

struct breadcrumb breadcrumb_read(const breadcrumb_word *word)
{
	uint64_t value = atomic_load_explicit(word, memory_order_relaxed);
	unsigned callback = value & 0xff;
	return (struct breadcrumb){
		.binding = (uint32_t)(value >> 8) & 0xffffff,
		.is_inside = callback != 0,
		.callback = callback ? (enum callback)(callback - 1) : CALLBACK_COUNT,
		.sequence = (uint32_t)(value >> 32),
	};
}
