/* SPDX-License-Identifier: Apache-2.0 */
/* sluice/request.h - the service "sluice.request/1": the parts of a request that lie inside of
 * others.
 *
 * Query parameters and cookies, as the gateway itself takes them apart. A name can come more than
 * once, and upstreams differ in which one they believe: a policy that decides by a value looks at
 * all of them.
 */
#ifndef SLUICE_REQUEST_H
#define SLUICE_REQUEST_H

#include "sluice/sluice.h"

#ifdef __cplusplus
extern "C" {
#endif

#define SLUICE_REQUEST_SERVICE "sluice.request/1"

/* Where a value stands; for `secret_define`. */
enum { SLUICE_PART_QUERY = 1, SLUICE_PART_HEADER = 2, SLUICE_PART_COOKIE = 3 };

struct sluice_request_service {
	uint32_t size;
	uint32_t reserved;

	/* Exchange callbacks. Iterates the values of one name, or with an empty name all: start
	 * with *at = 0. `name_out` may be NULL. SLUICE_E_NOT_FOUND at the end, SLUICE_E_FULL when
	 * the memory of the exchange is spent. Views last until the request is changed. */
	/* Parameters of the query, name and value decoded once (%XX, and '+' as space); what cannot
	 * be decoded stands as it is. */
	int32_t (*query_next)(struct sluice_exchange *exchange, struct sluice_str name,
		uint32_t *at, struct sluice_str *name_out, struct sluice_str *value);
	/* Cookies of all Cookie fields (RFC 6265 section 4.2), without the spaces around name and
	 * value; a value in quotes keeps them. Names count with their case. */
	int32_t (*cookie_next)(struct sluice_exchange *exchange, struct sluice_str name,
		uint32_t *at, struct sluice_str *name_out, struct sluice_str *value);

	/* request_head. Removes all of that name; how many. The rest stays byte for byte, and a
	 * Cookie field that held nothing else goes with it. */
	int32_t (*query_remove)(struct sluice_exchange *exchange, struct sluice_str name);
	int32_t (*cookie_remove)(struct sluice_exchange *exchange, struct sluice_str name);
	/* request_head. The values of that name are secrets: the access record, and
	 * SLUICE_FACT_TARGET, show *** for them from here on. How many. The request that is sent on
	 * stays as it is. */
	int32_t (*query_redact)(struct sluice_exchange *exchange, struct sluice_str name);

	/* `configure` only. What stands under that name (without regard to case) in requests to the
	 * APIs that the instance is bound to is secret, whoever answers them, and also where the
	 * binding's rules do not match: the access record, traces and SLUICE_FACT_TARGET show ***
	 * for it, and so do lines of the log that policies write with the exchange at hand, unless
	 * it is shorter than 8 bytes. SLUICE_FACT_QUERY, fields and cookies stay as they are.
	 * SLUICE_E_INVALID: no such part, or no name; SLUICE_E_FULL: more than 16 of an instance.
	 */
	int32_t (*secret_define)(
		struct sluice_instance *instance, uint32_t part, struct sluice_str name);

	/* Exchange callbacks. All parameters of the query as they stand there, nothing decoded: start
	 * with *at = 0. `name_out` may be NULL. SLUICE_E_NOT_FOUND at the end. */
	int32_t (*query_raw_next)(struct sluice_exchange *exchange, uint32_t *at,
		struct sluice_str *name_out, struct sluice_str *value);
	/* request_head. One parameter of that name and no other, at the place of the first, else at the
	 * end; or one more, at the end. Name and value are encoded: all but letters, digits and -._~ as
	 * %XX; the rest of the query stays byte for byte. SLUICE_E_INVALID: no name; SLUICE_E_FULL:
	 * path and query get longer than 8,192 bytes, or the memory of the exchange is spent. */
	int32_t (*query_set)(struct sluice_exchange *exchange, struct sluice_str name,
		struct sluice_str value);
	int32_t (*query_add)(struct sluice_exchange *exchange, struct sluice_str name,
		struct sluice_str value);
};

#ifdef __cplusplus
}
#endif
#endif
