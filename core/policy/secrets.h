/* SPDX-License-Identifier: Apache-2.0 */
/* policy/secrets.h - which parts of a request are secret, as policies have said in `configure`.
 *
 * What an instance has named counts for every request of the APIs that it is bound to: whoever
 * answers it, and also where the binding's rules do not match. The request that is sent on stays as
 * it is.
 *
 * Ownership    names belong to the instance; what is hidden of an exchange lies in its arena.
 * Threads      names: main, then immutable. The rest: the exchange's worker.
 */
#pragma once

#include "base/buffer.h"

struct chain;
struct sluice_exchange;
struct sluice_instance;

enum secret_part { SECRET_QUERY = 1, SECRET_HEADER, SECRET_COOKIE };

/* `configure` only. The name is copied; names are matched without regard to case, since a client
 * that mistakes it gives its secret all the same. RC_INVALID: no such part, or no name; RC_FULL:
 * more than LIMIT_SECRETS_PER_INSTANCE, or the instance's budget is spent. */
MUST_USE enum rc policy_secret_add(struct sluice_instance *i, uint32_t part, struct str name);
void instance_secrets_free(struct sluice_instance *i);

bool chain_has_secrets(const struct chain *chain);
bool chain_hides_queries(const struct chain *chain);

/* Before anything of the exchange is told: its request's target gets *** for the secrets in its
 * query, and all secrets of it are remembered. Once, of a chain that has some. */
void chain_hide_secrets(struct sluice_exchange *x, const struct chain *chain);
/* `text` with *** for each secret of the request that stands in it, in `out`; the text itself where
 * none does. Values of less than LIMIT_SECRET_BYTES_MIN are not looked for. */
struct str secrets_masked(const struct sluice_exchange *x, struct str text, struct buffer *out);
