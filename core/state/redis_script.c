/* SPDX-License-Identifier: Apache-2.0 */
#include "state/redis_script.h"

#include "crypto/crypto.h"

#include "sluice/state.h"

#include <pthread.h>
#include <stdio.h>

/* clang-format off */
#define EMBED(NAME, FILE)                                \
	__asm__(".pushsection .rodata\n"                     \
		".hidden " NAME "_start\n.global " NAME "_start\n" \
		NAME "_start: .incbin \"" REDIS_SCRIPT_FOLDER FILE "\"\n" \
		".hidden " NAME "_end\n.global " NAME "_end\n"   \
		NAME "_end: .byte 0\n"                            \
		".popsection\n")
EMBED("redis_script", "redis_script.lua");
EMBED("redis_quota", "redis_quota.lua");
/* clang-format on */
extern const char redis_script_start[], redis_script_end[];
extern const char redis_quota_start[], redis_quota_end[];

struct script {
	const char *start, *end;
	char hex[SHA1_BYTES * 2 + 1];
};

static struct script general = {.start = redis_script_start, .end = redis_script_end};
static struct script quota = {.start = redis_quota_start, .end = redis_quota_end};
static pthread_once_t digests_made = PTHREAD_ONCE_INIT;

static struct script *script_of(uint32_t kind)
{
	return kind == SLUICE_SPEND ? &quota : &general;
}

static struct str text_of(const struct script *s)
{
	return str_n(s->start, (size_t)(s->end - s->start));
}

static void digest_make(struct script *s)
{
	uint8_t digest[SHA1_BYTES];
	sha1(text_of(s), digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		snprintf(s->hex + 2 * i, 3, "%02x", digest[i]);
}

static void digests_make(void)
{
	digest_make(&general);
	digest_make(&quota);
}

struct str redis_script_text(uint32_t kind)
{
	return text_of(script_of(kind));
}

struct str redis_script_digest(uint32_t kind)
{
	pthread_once(&digests_made, digests_make);
	return str_n(script_of(kind)->hex, SHA1_BYTES * 2);
}
