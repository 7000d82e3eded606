/* SPDX-License-Identifier: Apache-2.0 */
/* base/check.h - assertions that stay on in every build.
 *
 * CHECK guards memory safety and our own invariants; bytes from the network must never reach one
 * that can fail. It prints the place and aborts, so that the breadcrumb names the culprit. */
#pragma once

#include <stddef.h>

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

#define CHECK(cond)                                                                                \
	do {                                                                                       \
		if (UNLIKELY(!(cond)))                                                             \
			check_failed(__FILE__, __LINE__, #cond);                                   \
	} while (0)

#define ARRAY_COUNT(a)                  (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

void check_failed(const char *file, int line, const char *cond) __attribute__((noreturn, cold));
