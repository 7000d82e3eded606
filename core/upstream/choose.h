/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/choose.h - the algorithms of a balancer: one endpoint of those that may be asked. */
#pragma once

#include "upstream/balancer.h"

/* Of the lowest priority that has one, but for whom the wish keeps. Where the wish has tried everybody, nobody counts as tried. */
struct endpoint *choose_endpoint(struct balancer *b, const struct balance_wish *wish);
