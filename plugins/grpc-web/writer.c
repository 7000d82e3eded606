/* SPDX-License-Identifier: Apache-2.0 */
#include "writer.h"

#include <string.h>

void writer_init(
	struct writer *w, const struct sluice_host *host, struct sluice_exchange *x, int is_text)
{
	w->host = host;
	w->x = x;
	w->is_text = is_text;
	w->n = w->group_n = 0;
	w->rc = host->body_replace(x, SLUICE_STR(""));
}

static void give(struct writer *w)
{
	if (w->rc == SLUICE_OK && w->n > 0)
		w->rc = w->host->body_replace(w->x, (struct sluice_str){w->out, w->n});
	w->n = 0;
}

static void end_group(struct writer *w)
{
	if (sizeof(w->out) - w->n < TEXT_GROUP_DIGITS)
		give(w);
	text_encode(w->group, w->group_n, w->out + w->n);
	w->n += TEXT_GROUP_DIGITS;
	w->group_n = 0;
}

static void put_text(struct writer *w, struct sluice_str bytes)
{
	for (size_t i = 0; i < bytes.n; i++) {
		w->group[w->group_n++] = bytes.p[i];
		if (w->group_n == TEXT_GROUP_BYTES)
			end_group(w);
	}
}

static void put_binary(struct writer *w, struct sluice_str bytes)
{
	while (bytes.n > 0) {
		size_t room = sizeof(w->out) - w->n;
		size_t n = bytes.n < room ? bytes.n : room;
		memcpy(w->out + w->n, bytes.p, n);
		w->n += n;
		bytes.p += n;
		bytes.n -= n;
		if (w->n == sizeof(w->out))
			give(w);
	}
}

void writer_put(struct writer *w, struct sluice_str bytes)
{
	if (w->is_text)
		put_text(w, bytes);
	else
		put_binary(w, bytes);
}

void writer_flush(struct writer *w)
{
	if (w->group_n > 0)
		end_group(w);
	give(w);
}
