/* SPDX-License-Identifier: Apache-2.0 */
/* state/redis_script.h - the scripts that a server runs, one for each sort of question.
 *
 * Threads      any. */
#pragma once

#include "base/str.h"

#include <stdint.h>

/* Static. `kind` is a question's (enum sluice_question_kind). */
struct str redis_script_text(uint32_t kind);
/* By which a server that has it knows it. */
struct str redis_script_digest(uint32_t kind);
