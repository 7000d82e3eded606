/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/endpoint_choice.h - which endpoint of its service an attempt goes to, and what became of
 * it.
 */
#pragma once

#include "upstream/balancer.h"

struct exchange;

/* Takes one, of those that were not tried first, and addresses the request to it; NULL: nobody may
 * be asked. The service has a balancer. */
struct service *endpoint_choice_take(struct exchange *e);
/* Its answer is the client's: a service that keeps clients by a cookie says where this one is, unless
 * the client knows. */
void endpoint_choice_tell(struct exchange *e);
/* Gives it back. */
void endpoint_choice_leave(struct exchange *e, enum endpoint_outcome outcome);
/* As things stand, with the fault if there is one. */
enum endpoint_outcome endpoint_choice_outcome(const struct exchange *e);
