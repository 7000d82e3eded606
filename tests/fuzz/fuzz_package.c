/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: links package */
/* A definition that is found lies within the file, is a text, and is found again at the same offset
 * when the bytes lie elsewhere, at an odd address; a refusal says why. */
#include "package/package.h"

#include "base/check.h"
#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_found(struct str file, struct str found)
{
	CHECK(found.p >= file.p && found.n <= file.n);
	CHECK((size_t)(found.p - file.p) <= file.n - found.n);
	CHECK(found.n > 0 && found.n <= PACKAGE_DEFINITION_BYTES_MAX);
	CHECK(utf8_is_valid(found) && str_index(found, '\0') == found.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct str file = {(const char *)bytes, n};
	struct package_facts found, again;
	char message[160] = "";
	enum rc rc = package_inspect(file, PACKAGE_THIS_MACHINE, &found, message, sizeof(message));
	CHECK(rc == RC_OK || (rc == RC_INVALID && message[0] != '\0'));
	char *block = heap_alloc(n + 1);
	if (n > 0)
		memcpy(block + 1, bytes, n);
	struct str copy = {block + 1, n};
	CHECK(package_inspect(copy, PACKAGE_THIS_MACHINE, &again, message, sizeof(message)) == rc);
	if (rc == RC_OK) {
		check_found(file, found.definition);
		CHECK(again.definition.p - copy.p == found.definition.p - file.p &&
			again.definition.n == found.definition.n);
	}
	free(block);
	return 0;
}
