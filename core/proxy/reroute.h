/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/reroute.h - requests that a policy sends another way than the routes would. */
#pragma once

#include "base/rc.h"
#include "base/check.h"

struct exchange;

/* The exchange has a way with a target: its service is chosen. RC_FULL: the arena is spent. */
MUST_USE enum rc reroute_choose(struct exchange *e);
/* Behind the choice, and behind what it makes of the head: what the way says of path and host. */
void reroute_override(struct exchange *e);
