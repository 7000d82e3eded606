/* SPDX-License-Identifier: Apache-2.0 */
#include "base/pace.h"

static int64_t earned_ms(const struct pace_rule *rule, uint64_t bytes)
{
	if (bytes == 0)
		return 0;
	/* Beyond this it is enough whatever the rate, and nothing overflows. */
	if (rule->bytes_per_second == 0 || bytes > UINT32_MAX)
		return rule->most_ms;
	return (int64_t)(bytes * 1000 / rule->bytes_per_second);
}

bool pace_keeps(struct pace *p, const struct pace_rule *rule, int64_t now_ms, uint64_t bytes,
	bool is_awaited)
{
	uint64_t passed = bytes > p->bytes ? bytes - p->bytes : 0;
	int64_t most_ms = rule->most_ms > rule->grace_ms ? rule->most_ms : rule->grace_ms;
	if (is_awaited)
		p->credit_ms -= now_ms - p->at_ms;
	else if (p->credit_ms < rule->grace_ms)
		p->credit_ms = rule->grace_ms;
	p->credit_ms += earned_ms(rule, passed);
	if (p->credit_ms > most_ms)
		p->credit_ms = most_ms;
	p->at_ms = now_ms;
	p->bytes += passed;
	return p->credit_ms > 0;
}
