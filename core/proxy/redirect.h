/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/redirect.h - requests that came by http and are wanted by https. */
#pragma once

#include "proxy/exchange_priv.h"

/* Answers in place of the API: to the same path and query, at the configured host or the request's
 * own. Nothing of the path or query can name another host, since both stand behind it. */
void redirect_answer(struct exchange *e);
