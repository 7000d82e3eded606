/* SPDX-License-Identifier: Apache-2.0 */
/* upstream/discovery.h - asks what addresses the names of services have, or what targets their SRV
 * records (net/targets.h), again and again, and tells their slots (slots.h).
 *
 * One worker asks, for all of them, whenever the answer at hand is out of date. While the name
 * servers fail, what they last said counts on as the resolver has it; a name that is gone leaves a
 * service without endpoints, and connections are made, or fail, as with one that finds none.
 *
 * Ownership    a discovery refers to its service until the service is not in the list any more.
 * Threads      the worker's.
 */
#pragma once

#include <stddef.h>

struct service;
struct upstream;
struct discoveries;

struct discoveries *discoveries_new(struct upstream *u);
/* Those of a generation: what is new is asked for from now on, what is not among them no more. */
void discoveries_set(struct discoveries *d, struct service *const *services, size_t count);
/* Before the upstream is freed. */
void discoveries_free(struct discoveries *d);
