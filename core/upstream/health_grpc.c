/* SPDX-License-Identifier: Apache-2.0 */
#include "upstream/health_grpc.h"

#include "base/check.h"

#include <string.h>

#define HEAD_BYTES 5

/* Protobuf's keys: the number of the field, and how its value is written. */
enum { KEY_STATUS = 1 << 3 | 0, KEY_SERVICE = 1 << 3 | 2 };

enum { SERVING = 1 };

struct str health_grpc_request(struct str service, char to[HEALTH_GRPC_REQUEST_MAX])
{
	CHECK(service.n <= HEALTH_GRPC_SERVICE_MAX);
	size_t n = service.n > 0 ? 2 + service.n : 0; /* what is empty is left out */
	memset(to, 0, HEAD_BYTES);
	to[HEAD_BYTES - 1] = (char)n;
	if (n > 0) {
		to[HEAD_BYTES] = KEY_SERVICE;
		to[HEAD_BYTES + 1] = (char)service.n;
		memcpy(to + HEAD_BYTES + 2, service.p, service.n);
	}
	return str_n(to, HEAD_BYTES + n);
}

/* The message has one field of one byte; a longer one is of a later version, which may have put
 * others in front: not looked for. */
bool health_grpc_serves(struct str content)
{
	static const char serves[] = {0, 0, 0, 0, 2, KEY_STATUS, SERVING};
	return content.n >= sizeof(serves) && memcmp(content.p, serves, 4) == 0 &&
	       (size_t)(unsigned char)content.p[4] + HEAD_BYTES == content.n &&
	       memcmp(content.p + HEAD_BYTES, serves + HEAD_BYTES, 2) == 0;
}
