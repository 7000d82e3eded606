/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_slots.h"

#include <string.h>

/* --- slots ------------------------------------------------------------------------------------ */
/* Half a byte at a time: keys are short, and sixteen numbers stay in the cache. */
static uint16_t crc16(struct str text)
{
	static const uint16_t steps[16] = {0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6,
		0x70e7, 0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef};
	unsigned crc = 0;
	for (size_t i = 0; i < text.n; i++) {
		unsigned byte = (unsigned char)text.p[i];
		crc = (crc << 4 & 0xffff) ^ steps[crc >> 12 ^ byte >> 4];
		crc = (crc << 4 & 0xffff) ^ steps[crc >> 12 ^ (byte & 15)];
	}
	return (uint16_t)crc;
}

static struct str hash_tag(struct str key)
{
	const char *open = key.n ? memchr(key.p, '{', key.n) : NULL;
	size_t behind = open ? (size_t)(key.p + key.n - open) - 1 : 0;
	const char *close = behind ? memchr(open + 1, '}', behind) : NULL;
	if (!close || close == open + 1)
		return key;
	return str_n(open + 1, (size_t)(close - open) - 1);
}

uint16_t redis_slot_of(struct str key)
{
	return crc16(hash_tag(key)) % REDIS_SLOTS;
}

/* --- turns ------------------------------------------------------------------------------------ */
static bool is_host(struct str host)
{
	return host.n < REDIS_HOST_BYTES && !(host.n && memchr(host.p, 0, host.n));
}

/* "?" stands where a node was given no name and should have one. */
static struct str host_told(struct str host)
{
	return str_eq(host, STR("?")) ? STR_EMPTY : host;
}

/* "<slot> <host>:<port>", of which the host may have colons. */
static bool place_read(struct str text, struct redis_turn *turn)
{
	uint64_t slot, port;
	const char *space = text.n ? memchr(text.p, ' ', text.n) : NULL;
	const char *colon = space ? memrchr(space, ':', text.n - (size_t)(space - text.p)) : NULL;
	if (!colon)
		return false;
	turn->host = str_n(space + 1, (size_t)(colon - space) - 1);
	struct str number = str_n(colon + 1, (size_t)(text.p + text.n - colon) - 1);
	if (str_to_u64(str_n(text.p, (size_t)(space - text.p)), REDIS_SLOTS - 1, &slot) != RC_OK ||
		str_to_u64(number, UINT16_MAX, &port) != RC_OK || port == 0 || !is_host(turn->host))
		return false;
	turn->host = host_told(turn->host);
	turn->slot = (uint16_t)slot;
	turn->port = (uint16_t)port;
	return true;
}

bool redis_turn_read(struct str error, struct redis_turn *turn)
{
	static const struct {
		struct str word;
		enum redis_turn_kind kind;
	} words[] = {
		{STR("MOVED "), REDIS_TURN_MOVED},
		{STR("ASK "), REDIS_TURN_ASK},
		{STR("TRYAGAIN"), REDIS_TURN_NOWHERE},
		{STR("CLUSTERDOWN"), REDIS_TURN_NOWHERE},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		size_t n = words[i].word.n;
		if (!str_starts(error, words[i].word))
			continue;
		*turn = (struct redis_turn){.kind = words[i].kind};
		return turn->kind == REDIS_TURN_NOWHERE ||
		       place_read(str_n(error.p + n, error.n - n), turn);
	}
	return false;
}

/* --- maps ------------------------------------------------------------------------------------- */
static const struct redis_value *value_at(const struct redis_reply *reply, size_t at)
{
	static const struct redis_value none = {.kind = REDIS_NIL};
	return at < reply->count ? &reply->values[at] : &none;
}

/* Behind the value at `at` and what it has. */
static size_t behind(const struct redis_reply *reply, size_t at)
{
	for (int64_t missing = 1; missing > 0 && at < reply->count; at++) {
		const struct redis_value *v = &reply->values[at];
		missing += (v->kind == REDIS_LIST ? v->integer : 0) - 1;
	}
	return at;
}

static bool is_within(const struct redis_value *v, int64_t min, int64_t max)
{
	return v->kind == REDIS_INTEGER && v->integer >= min && v->integer <= max;
}

/* {host, port, ...} */
static bool node_read(const struct redis_reply *reply, size_t at, struct redis_range *range)
{
	const struct redis_value *list = value_at(reply, at), *host = value_at(reply, at + 1);
	const struct redis_value *port = value_at(reply, at + 2);
	if (list->kind != REDIS_LIST || list->integer < 2 ||
		(host->kind != REDIS_TEXT && host->kind != REDIS_NIL) ||
		!is_within(port, 0, UINT16_MAX) || !is_host(host->text))
		return false;
	range->host = host->kind == REDIS_TEXT ? host_told(host->text) : STR_EMPTY;
	range->port = (uint16_t)port->integer;
	return true;
}

/* {first, last, the master, replicas...} */
static bool range_read(const struct redis_reply *reply, size_t at, struct redis_range *range)
{
	const struct redis_value *list = value_at(reply, at);
	const struct redis_value *first = value_at(reply, at + 1), *last = value_at(reply, at + 2);
	if (list->kind != REDIS_LIST || list->integer < 3 ||
		!is_within(first, 0, REDIS_SLOTS - 1) ||
		!is_within(last, first->integer, REDIS_SLOTS - 1))
		return false;
	range->first = (uint16_t)first->integer;
	range->last = (uint16_t)last->integer;
	return node_read(reply, at + 3, range);
}

bool redis_ranges_begin(struct redis_ranges *r, const struct redis_reply *reply)
{
	const struct redis_value *list = value_at(reply, 0);
	struct redis_range range;
	*r = (struct redis_ranges){.reply = reply, .at = 1};
	if (list->kind != REDIS_LIST || list->integer < 1)
		return false;
	size_t at = 1;
	for (int64_t i = 0; i < list->integer; i++, at = behind(reply, at))
		if (!range_read(reply, at, &range))
			return false;
	r->left = list->integer;
	return true;
}

bool redis_ranges_next(struct redis_ranges *r, struct redis_range *range)
{
	if (r->left == 0)
		return false;
	r->left--;
	bool is_range = range_read(r->reply, r->at, range);
	r->at = behind(r->reply, r->at);
	return is_range;
}
