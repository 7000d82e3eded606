/* SPDX-License-Identifier: Apache-2.0 */
/* net/address_choice.h - of more addresses than there is room for, the same ones in whatever order they
 * come: name servers rotate their answers, and what is chosen must not come and go with that.
 *
 * Addresses are ranked by a digest of their own, so that replicas choose alike and both families
 * have their share. */
#pragma once

#include "net/address.h"

#include <stddef.h>

/* `all` has `count` addresses (ports 0), `max` at most; the new count. Where it is full, whoever ranks
 * last of all goes. Those that stay keep their order. */
size_t address_choice_add(struct address *all, size_t count, size_t max, const struct address *a);
