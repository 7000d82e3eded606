/* SPDX-License-Identifier: Apache-2.0 */
#include "script.h"

static void on_failure(void *arg, const char *message)
{
	(void)arg;
	ck_abort_msg("%s", message);
}

struct sluice_test *scripted_with(const char *more, const char *script)
{
	static char config[20000];
	size_t n = (size_t)snprintf(config, sizeof(config), "%sscript: |\n  ", more);
	for (const char *p = script; *p && n + 4 < sizeof(config); p++) {
		config[n++] = *p;
		if (*p == '\n')
			n += (size_t)snprintf(config + n, sizeof(config) - n, "  ");
	}
	config[n] = '\0';
	sluice_test_on_failure(on_failure, NULL);
	struct sluice_test *t = sluice_test_new(PLUGINS "/lua-script.so");
	sluice_test_bind(t, "lua-script", config);
	return t;
}

struct sluice_test *scripted(const char *script)
{
	return scripted_with("", script);
}

struct sluice_test_exchange *get(struct sluice_test *t, const char *target)
{
	return sluice_test_request(t, "GET", target);
}

void assert_log(struct sluice_test *t, const char *part)
{
	const char *log = sluice_test_log(t);
	ck_assert_msg(strstr(log, part) != NULL, "'%s' is not in the log: %s", part, log);
}
