/* SPDX-License-Identifier: Apache-2.0 */
#include "testing/testing_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void print_and_abort(void *arg, const char *message)
{
	(void)arg;
	fprintf(stderr, "sluice-testing: %s\n", message);
	abort();
}

static sluice_test_failure_fn *failure = print_and_abort;
static void *failure_arg;

void sluice_test_on_failure(sluice_test_failure_fn *fn, void *arg)
{
	failure = fn ? fn : print_and_abort;
	failure_arg = arg;
}

void testing_fail(const char *format, ...)
{
	char message[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	failure(failure_arg, message);
}
