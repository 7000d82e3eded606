/* SPDX-License-Identifier: Apache-2.0 */
/* package/code.h - what a plugin's code exports, links and asks for, read without running it. */
#pragma once

#include "package/elf.h"

/* False, with a sentence, for code that would not load or would disturb the gateway: another
 * exported symbol than sluice_plugin_v1, a library of OpenSSL that is not the gateway's, one that
 * is linked in statically, an executable stack. A file without sections says nothing of its
 * symbols. */
MUST_USE bool code_check(struct elf *e);
/* Libraries that it links, by their file names; false when the file is damaged. */
bool code_each_library(struct elf *e, void (*each)(void *arg, struct str name), void *arg);
