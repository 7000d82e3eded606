/* SPDX-License-Identifier: Apache-2.0 */
#include "http/field_id.h"

struct field_slot field_slots[1 << FIELD_SLOT_BITS];

static void add(enum field_id id, struct str name)
{
	struct field_words w = field_words_of(name);
	*field_slot_of(w, name.n) = (struct field_slot){w, name.n, id};
}

__attribute__((constructor)) static void fill_slots(void)
{
#define X(id, text) add(FIELD_##id, STR(text));
	HTTP_FIELDS(X)
#undef X
}

enum field_id field_id_of(struct str name)
{
	enum field_id id = field_id_find(name);
	return id != FIELD_OTHER && memchr(name.p, '\r', name.n) ? FIELD_OTHER : id;
}
