/* SPDX-License-Identifier: Apache-2.0 */
#include "heads.h"

#include "sluice/text.h"

#define ETAG_BYTES_MAX   1024
#define ACCEPT_BYTES_MAX 256

enum coding head_coding(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side)
{
	enum coding found = CODING_IDENTITY;
	struct sluice_str value;
	uint32_t at = 0;
	while (host->field_next(x, side, SLUICE_STR("content-encoding"), &at, NULL, &value) ==
		SLUICE_OK)
		while (value.n) {
			struct sluice_str name = sluice_trim(sluice_cut(&value, ','));
			enum coding coding = name.n ? coding_of(name) : CODING_IDENTITY;
			if (coding == CODING_IDENTITY)
				continue;
			if (found != CODING_IDENTITY)
				return CODING_COUNT;
			found = coding;
		}
	return found;
}

int32_t head_weaken_etag(const struct sluice_host *host, struct sluice_exchange *x)
{
	char weak[ETAG_BYTES_MAX];
	struct sluice_str tag;
	if (host->field_get(x, SLUICE_RESPONSE, SLUICE_STR("etag"), &tag) != SLUICE_OK ||
		(tag.n && tag.p[0] == 'W'))
		return SLUICE_OK;
	if (tag.n + 2 > sizeof(weak)) {
		int32_t rc = host->field_remove(x, SLUICE_RESPONSE, SLUICE_STR("etag"));
		return rc < 0 ? rc : SLUICE_OK;
	}
	memcpy(weak, "W/", 2);
	memcpy(weak + 2, tag.p, tag.n);
	return host->field_set(
		x, SLUICE_RESPONSE, SLUICE_STR("etag"), (struct sluice_str){weak, tag.n + 2});
}

/* Digests are of what was sent: of other bytes they would be lies. Ranges would be of others, too. */
int32_t head_make_plain(
	const struct sluice_host *host, struct sluice_exchange *x, enum sluice_side side)
{
	static const struct sluice_str names[] = {{"content-encoding", 16}, {"content-digest", 14},
		{"repr-digest", 11}, {"digest", 6}, {"content-md5", 11}, {"accept-ranges", 13}};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (host->field_remove(x, side, names[i]) < 0)
			return SLUICE_E_FULL;
	return side == SLUICE_RESPONSE ? head_weaken_etag(host, x) : SLUICE_OK;
}

int32_t head_accept_only(
	const struct sluice_host *host, struct sluice_exchange *x, unsigned codings)
{
	const struct sluice_str name = SLUICE_STR("accept-encoding");
	char kept[ACCEPT_BYTES_MAX];
	struct sluice_str value;
	size_t n = 0;
	uint32_t at = 0;
	while (host->field_next(x, SLUICE_REQUEST, name, &at, NULL, &value) == SLUICE_OK)
		n = acceptance_keep(value, codings, kept, n, sizeof(kept));
	if (at == 0)
		return SLUICE_OK;
	return host->field_set(
		x, SLUICE_REQUEST, name, n ? (struct sluice_str){kept, n} : SLUICE_STR("identity"));
}
