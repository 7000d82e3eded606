/* SPDX-License-Identifier: Apache-2.0 */
/* services/shared.c - objects that instances of one plugin use together.
 *
 * Held in configure and let go with the instance, on the main thread both: there is nothing to
 * lock. */
#include "sluice/shared.h"

#include "base/buffer.h"
#include "base/map.h"
#include "base/memory.h"
#include "policy/legal.h"
#include "policy/run.h"
#include "services/services_priv.h"

#include <stdlib.h>

#define NAME_BYTES_MAX      4096
#define TYPE_NAME_BYTES_MAX 64

static const struct policy_call call_hold = {"sluice.shared/1 hold", IN(CONFIGURE)};

struct object {
	struct str key; /* owned: the plugin's SHA-256, the type's name, 0, the name */
	unsigned holders;
	void *made;
	void (*free)(void *made);
};

struct holding {
	struct policy_companion companion;
	struct sluice_instance *instance; /* borrowed: it goes with it */
	struct object *object;
};

static struct map objects; /* by key; empty when zero */
static const char kind;

static void object_let_go(struct object *o)
{
	if (--o->holders)
		return;
	map_remove(&objects, o->key);
	if (objects.count == 0)
		map_deinit(&objects);
	o->free(o->made);
	free((char *)(uintptr_t)o->key.p);
	free(o);
}

static void on_release(struct policy_companion *c)
{
	struct holding *h = CONTAINER_OF(c, struct holding, companion);
	policy_call_enter(h->instance, CALLBACK_DROPPED, 0);
	object_let_go(h->object);
	policy_call_leave();
	free(h);
}

static void keep(struct sluice_instance *i, struct object *o)
{
	struct holding *h = heap_zalloc(sizeof(*h));
	h->companion = (struct policy_companion){.kind = &kind, .release = on_release};
	h->instance = i;
	h->object = o;
	o->holders++;
	policy_accompany(i, &h->companion);
}

static struct str key_new(struct sluice_instance *i, const char *type, struct sluice_str name)
{
	struct buffer b;
	buffer_init(&b, SIZE_MAX);
	buffer_add(&b, policy_plugin_digest(i));
	buffer_add(&b, str_of(type));
	buffer_add_char(&b, '\0');
	buffer_add(&b, str_in(name));
	struct str key = str_n(heap_strndup(buffer_str(&b)), buffer_str(&b).n);
	buffer_deinit(&b);
	return key;
}

static int32_t object_make(struct sluice_instance *i, const struct sluice_shared_type *type,
	struct sluice_str name, void *arg, struct str key, struct object **out)
{
	void *made = NULL;
	int32_t rc = type->make(policy_call_of(i), name, arg, &made);
	if (rc != SLUICE_OK)
		return rc < 0 ? rc : SLUICE_E_RUNTIME;
	struct object *o = heap_zalloc(sizeof(*o));
	*o = (struct object){.key = key, .made = made, .free = type->free};
	map_put(&objects, key, o);
	*out = o;
	return SLUICE_OK;
}

static bool is_whole(const struct sluice_shared_type *t)
{
	return t && t->size >= sizeof(*t) && t->make && t->free && t->name && t->name[0] &&
	       strnlen(t->name, TYPE_NAME_BYTES_MAX + 1) <= TYPE_NAME_BYTES_MAX;
}

static int32_t hold(struct sluice_instance *i, const struct sluice_shared_type *type,
	struct sluice_str name, void *arg, void **object)
{
	if (!policy_allows(&call_hold, i))
		return SLUICE_E_WRONG_CALLBACK;
	if (!is_whole(type) || name.n == 0 || name.n > NAME_BYTES_MAX || !object)
		return SLUICE_E_INVALID;
	struct str key = key_new(i, type->name, name);
	struct object *o = map_get(&objects, key);
	int32_t rc = o ? SLUICE_OK : object_make(i, type, name, arg, key, &o);
	if (!o || o->key.p != key.p)
		free((char *)(uintptr_t)key.p);
	if (rc != SLUICE_OK)
		return rc;
	keep(i, o);
	*object = o->made;
	return SLUICE_OK;
}

const void *services_shared_table(void)
{
	static const struct sluice_shared_service table = {.size = sizeof(table), .hold = hold};
	return &table;
}
