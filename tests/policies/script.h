/* SPDX-License-Identifier: Apache-2.0 */
/* tests/policies/script.h - scripts of lua-script in the SDK's harness. */
#pragma once

#include "policy.h"

#include <stdbool.h>

/* `more` is YAML beside the script: "memoryBytes: 1048576\n". */
struct sluice_test *scripted_with(const char *more, const char *script);
struct sluice_test *scripted(const char *script);
/* A request by GET that is not sent yet. */
struct sluice_test_exchange *get(struct sluice_test *t, const char *target);
/* The log since it was last looked at has this in it. */
void assert_log(struct sluice_test *t, const char *part);
