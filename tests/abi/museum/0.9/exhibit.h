/* SPDX-License-Identifier: Apache-2.0 */
/* exhibit.h - what the exhibits of this version share.
 *
 * SEE counts what is as it should be, and logs an error where it is not. A request to /answer is
 * answered here; the response of any other tells in x-seen how much was seen so far.
 */
#include "sluice/sluice.h"

#include <string.h>

static uint32_t seen; /* of all callbacks, jobs on their threads included */

__attribute__((unused)) static void see(const struct sluice_call *call, int is_so, const char *what)
{
	if (is_so)
		__atomic_add_fetch(&seen, 1, __ATOMIC_RELAXED);
	else
		call->host->log(call->instance, NULL, SLUICE_LOG_ERROR,
			(struct sluice_str){what, strlen(what)});
}

#define SEE_LINE_(n) #n
#define SEE_LINE(n)  SEE_LINE_(n)
#define SEE(is_so)   see(call, !!(is_so), __FILE__ ":" SEE_LINE(__LINE__) ": " #is_so)

__attribute__((unused)) static int is(struct sluice_str s, const char *expected)
{
	return s.n == strlen(expected) && memcmp(s.p, expected, s.n) == 0;
}

/* SLUICE_RESPONDED, or SLUICE_CONTINUE when the request wants none. */
__attribute__((unused)) static int32_t answer(
	const struct sluice_call *call, struct sluice_exchange *x)
{
	const struct sluice_host *host = call->host;
	const struct sluice_str fields[] = {SLUICE_STR("x-exhibit"), SLUICE_STR("answers")};
	if (!is(host->fact(x, SLUICE_FACT_PATH), "/answer"))
		return SLUICE_CONTINUE;
	if (host->respond_error(x, 403, fields, 1, SLUICE_STR("closed on Mondays"),
		    SLUICE_STR("exhibit_closed")) != SLUICE_OK)
		return SLUICE_FAIL;
	return SLUICE_RESPONDED;
}

__attribute__((unused)) static int32_t tell(
	const struct sluice_call *call, struct sluice_exchange *x)
{
	char digits[10];
	size_t at = sizeof(digits);
	uint32_t n = __atomic_load_n(&seen, __ATOMIC_RELAXED);
	do
		digits[--at] = (char)('0' + n % 10);
	while (n /= 10);
	struct sluice_str text = {digits + at, sizeof(digits) - at};
	return call->host->field_set(x, SLUICE_RESPONSE, SLUICE_STR("x-seen"), text) == SLUICE_OK
		       ? SLUICE_CONTINUE
		       : SLUICE_FAIL;
}

/* The plugin of one policy, `policy`, and of services that it requires. */
#define EXHIBIT(exhibit_name, ...)                                                                 \
	const struct sluice_plugin *sluice_plugin_v1(void)                                         \
	{                                                                                          \
		static const struct sluice_policy *const policies[] = {&policy};                   \
		static const char *const services[] = {__VA_ARGS__};                               \
		static const struct sluice_plugin plugin = {.size = sizeof(plugin),                \
			.abi_major = SLUICE_ABI_MAJOR,                                             \
			.abi_minor = SLUICE_ABI_MINOR,                                             \
			.policy_count = 1,                                                         \
			.name = exhibit_name,                                                      \
			.version = "1.0.0",                                                        \
			.policies = policies,                                                      \
			.requires_services = services};                                            \
		return &plugin;                                                                    \
	}
