/* SPDX-License-Identifier: Apache-2.0 */
#include "http/scan.h"

#define WORD  (OTHER | BYTE_TOKEN | BYTE_WORD)
#define MARK  (OTHER | BYTE_TOKEN)
#define OTHER (BYTE_TEXT | BYTE_TARGET | BYTE_QUERY)

/* clang-format off */
const uint8_t byte_classes[256] = {
	['\t'] = BYTE_TEXT, [' '] = BYTE_TEXT,
	['!'] = MARK, ['"'] = OTHER, ['#'] = BYTE_TOKEN | BYTE_TEXT | BYTE_TARGET,
	['$'] = MARK, ['%'] = MARK, ['&'] = MARK, ['\''] = MARK, ['('] = OTHER, [')'] = OTHER,
	['*'] = MARK, ['+'] = MARK, [','] = OTHER, ['-'] = WORD, ['.'] = MARK, ['/'] = OTHER,
	['0' ... '9'] = WORD, [':' ... '@'] = OTHER, ['A' ... 'Z'] = WORD, ['[' ... ']'] = OTHER,
	['^'] = MARK, ['_'] = MARK, ['`'] = MARK, ['a' ... 'z'] = WORD,
	['{'] = OTHER, ['|'] = MARK, ['}'] = OTHER, ['~'] = MARK,
	[0x80 ... 0xff] = BYTE_TEXT,
};
