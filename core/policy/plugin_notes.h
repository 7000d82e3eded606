/* SPDX-License-Identifier: Apache-2.0 */
/* policy/plugin_notes.h - what a plugin's notes say of it, beside what its code says.
 *
 * Configurations were judged by the notes; where the code says something else, they were judged by
 * what is not in force. RC_INVALID with one sentence.
 *
 * Threads      main.
 */
#pragma once

#include "plan/plan.h"
#include "policy/registry.h"

/* `abi`: "0.9"; empty: the note does not say. */
MUST_USE enum rc plugin_check_abi(
	const struct plugin *p, struct str abi, char *message, size_t message_size);
/* A policy that the notes define; `version` is empty: they do not say. */
MUST_USE enum rc plugin_check_policy(const struct plugin *p, struct str name, struct str version,
	char *message, size_t message_size);
/* The same of a plugin of a plan. */
MUST_USE enum rc plugin_check_notes(
	const struct plugin *p, const struct plan_node *plugin, char *message, size_t message_size);
