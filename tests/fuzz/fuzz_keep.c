/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links state crypto base */
/* A file of the folder in which plugins keep texts: as it is, and with the digest that its bytes ask for, as a disk would
 * never make it. What is read of it lies in it, and is this name's. */
#include "state/keep.h"

#include "base/check.h"
#include "crypto/crypto.h"

#include <stdlib.h>

#define OWNER STR("o")
#define NAME  STR("na")

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void read_file(struct str file)
{
	struct str text = STR_EMPTY;
	int64_t saved_us;
	if (keep_parse(file, OWNER, NAME, &text, &saved_us) != RC_OK)
		return;
	CHECK(text.p >= file.p + 56 + 3 && text.p + text.n == file.p + file.n);
	CHECK(str_eq(str_slice(file, 56, 3), STR("ona")));
	CHECK(keep_parse(file, OWNER, STR("n"), &text, &saved_us) == RC_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char *file = malloc(n ? n : 1);
	CHECK(file);
	if (n)
		memcpy(file, bytes, n);
	read_file(str_n(file, n));
	if (n >= 40) {
		memcpy(file, "SLKEPT01", 8);
		sha256(str_n(file + 40, n - 40), (uint8_t *)file + 8);
		read_file(str_n(file, n));
	}
	free(file);
	return 0;
}
