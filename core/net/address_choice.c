/* SPDX-License-Identifier: Apache-2.0 */
#include "net/address_choice.h"

static uint64_t rank_of(const struct address *a)
{
	if (a->u.sa.sa_family == AF_INET6)
		return str_hash(str_n((const char *)&a->u.v6.sin6_addr, sizeof(a->u.v6.sin6_addr)));
	return str_hash(str_n((const char *)&a->u.v4.sin_addr, sizeof(a->u.v4.sin_addr)));
}

static size_t find_last(const struct address *all, size_t count)
{
	size_t last = 0;
	for (size_t i = 1; i < count; i++)
		if (rank_of(&all[i]) > rank_of(&all[last]))
			last = i;
	return last;
}

size_t address_choice_add(struct address *all, size_t count, size_t max, const struct address *a)
{
	if (count == max) {
		size_t last = find_last(all, count);
		if (rank_of(a) >= rank_of(&all[last]))
			return count;
		count--;
		memmove(&all[last], &all[last + 1], (count - last) * sizeof(*all));
	}
	all[count] = *a;
	return count + 1;
}
