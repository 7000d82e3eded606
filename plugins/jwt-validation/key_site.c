/* SPDX-License-Identifier: Apache-2.0 */
#include "key_site.h"

#include "key_copy.h"

#include "util/config_complain.h"

#include "sluice/http.h"
#include "sluice/text.h"

#include <stdio.h>

#define SET_BYTES_MAX 262144
#define NAME_BYTES    4096
#define WELL_KNOWN    "/.well-known/openid-configuration"

/* --- configuration --------------------------------------------------------------------------- */
static int is_address(struct sluice_str text)
{
	return text.n > 0 && memchr(text.p, ':', text.n) != NULL;
}

/* Addresses mean the same to everybody; a name means a service of the API or its namespace, so its keys stay with the
 * binding. Empty: it is too long. */
static struct sluice_str name_of(const struct key_site *site, char name[NAME_BYTES])
{
	int n = snprintf(name, NAME_BYTES, "%s %.*s", site->is_issuer ? "issuer" : "set",
		(int)site->address.n, site->address.p);
	if (!is_address(site->address) && n > 0 && n < NAME_BYTES)
		n += snprintf(name + n, NAME_BYTES - (size_t)n, " of %p", (const void *)site);
	return (struct sluice_str){name, n < 0 || n >= NAME_BYTES ? 0 : (size_t)n};
}

/* What the disk has of it, unless somebody has been told better. */
static void restore(
	const struct key_site *site, const struct sluice_call *call, struct sluice_str name)
{
	struct jose_keys keys;
	int64_t age_ms, now_ms = key_clock_ms();
	if (!is_address(site->address) || key_source_has_set(site->source) ||
		key_copy_read(call, name, &keys, &age_ms) != SLUICE_OK)
		return;
	key_source_restore(site->source, now_ms - age_ms, &keys);
}

static int32_t hold(struct key_site *site, const struct sluice_call *call)
{
	char room[NAME_BYTES];
	struct sluice_str name = name_of(site, room);
	int32_t rc = name.n ? key_source_hold(call, name, &site->source) : SLUICE_E_INVALID;
	if (rc == SLUICE_OK)
		restore(site, call, name);
	return rc;
}

int32_t key_site_init(struct key_site *site, const struct sluice_call *call,
	const struct sluice_value *at, int is_issuer)
{
	const struct sluice_host *host = call->host;
	site->address = host->value_string(at, SLUICE_STR(""));
	site->is_issuer = is_issuer;
	if (is_issuer && !is_address(site->address))
		return config_complain(
			call, at, SLUICE_STR("an issuer is an address, which its tokens name"));
	site->target = host->target(call->instance, at);
	return site->target ? hold(site, call) : SLUICE_E_INVALID;
}

/* --- answers --------------------------------------------------------------------------------- */
static void settle(const struct sluice_call *call, const struct key_site *site, enum key_fetch how,
	struct jose_keys *keys)
{
	const struct sluice_metrics_service *metrics = call->host->service(SLUICE_METRICS_SERVICE);
	if (site->fetches)
		metrics->add(site->fetches, how == KEYS_CAME ? 0 : 1, 1);
	key_source_settle(site->source, key_clock_ms(), how, keys);
}

static void fail(const struct sluice_call *call, const struct key_site *site, enum key_fetch how,
	struct sluice_str why)
{
	char line[512];
	int n = snprintf(line, sizeof(line), "no keys of %.*s: %.*s", (int)site->address.n,
		site->address.p, (int)why.n, why.p);
	size_t written = n < 0 ? 0 : (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1;
	call->host->log(call->instance, NULL, SLUICE_LOG_WARN, (struct sluice_str){line, written});
	settle(call, site, how, NULL);
}

static void fail_as(const struct sluice_call *call, const struct key_site *site, const char *why)
{
	fail(call, site, KEYS_FAILED, (struct sluice_str){why, strlen(why)});
}

/* 0: failed, and told. */
static int is_answer(const struct sluice_call *call, const struct key_site *site,
	const struct sluice_http_response *r)
{
	char why[64];
	if (r->result != SLUICE_OK) {
		fail(call, site, r->result == SLUICE_E_UNAVAILABLE ? KEYS_BROKEN_OFF : KEYS_FAILED,
			r->message);
		return 0;
	}
	if (r->status == 200)
		return 1;
	snprintf(why, sizeof(why), "its server answers with status %d", (int)r->status);
	fail_as(call, site, why);
	return 0;
}

static void keep(const struct sluice_call *call, const struct key_site *site,
	struct sluice_str text, const struct jose_keys *keys)
{
	char room[NAME_BYTES];
	if (is_address(site->address))
		key_copy_write(call, site->copying, name_of(site, room), text, keys);
}

static void on_keys(
	const struct sluice_call *call, const struct sluice_http_response *response, void *arg)
{
	const struct key_site *site = arg;
	struct jose_keys keys;
	const char *why;
	if (!is_answer(call, site, response))
		return;
	if (jose_keys_read(call->host->service(SLUICE_CRYPTO_SERVICE), response->body, &keys,
		    &why) != SLUICE_OK) {
		fail_as(call, site, why);
		return;
	}
	keep(call, site, response->body, &keys);
	settle(call, site, KEYS_CAME, &keys);
}

static void ask(const struct sluice_call *call, const struct key_site *site, struct sluice_str path,
	sluice_http_fn *fn)
{
	const struct sluice_http_service *http = call->host->service(SLUICE_HTTP_SERVICE);
	const struct sluice_str fields[] = {SLUICE_STR("accept"), SLUICE_STR("application/json")};
	const struct sluice_http_request request = {.size = sizeof(request),
		.timeout_ms = site->timeout_ms,
		.path = path,
		.fields = fields,
		.field_count = 1,
		.response_bytes_max = SET_BYTES_MAX};
	if (http->start(call, site->target, &request, fn, (void *)(uintptr_t)site) != SLUICE_OK)
		fail_as(call, site, "they cannot be asked for");
}

/* What stands behind the issuer's address; empty: it is no such address. */
static struct sluice_str path_behind(const struct key_site *site, struct sluice_str uri)
{
	struct sluice_str base = site->address;
	while (base.n && base.p[base.n - 1] == '/')
		base.n--;
	if (uri.n <= base.n + 1 || memcmp(uri.p, base.p, base.n) != 0 || uri.p[base.n] != '/')
		return SLUICE_STR("");
	return (struct sluice_str){uri.p + base.n, uri.n - base.n};
}

static void on_document(
	const struct sluice_call *call, const struct sluice_http_response *response, void *arg)
{
	const struct key_site *site = arg;
	struct jose_value *document;
	if (!is_answer(call, site, response))
		return;
	if (jose_object_read(response->body, &document) != SLUICE_OK) {
		fail_as(call, site, "its document is no JSON object");
		return;
	}
	struct sluice_str issuer = jose_text(jose_get(document, "issuer"));
	struct sluice_str path = path_behind(site, jose_text(jose_get(document, "jwks_uri")));
	if (!issuer.p || !sluice_equal(issuer, site->address))
		fail_as(call, site, "its document is another issuer's");
	else if (path.n == 0)
		fail_as(call, site,
			"its keys are not behind its own address: name theirs as jwksUrl instead");
	else
		ask(call, site, path, on_keys);
	jose_object_free(document);
}

void key_site_fetch(const struct sluice_call *call, const struct key_site *site)
{
	if (site->is_issuer)
		ask(call, site, SLUICE_STR(WELL_KNOWN), on_document);
	else
		ask(call, site, SLUICE_STR(""), on_keys);
}
