/* SPDX-License-Identifier: Apache-2.0 */
/* config/survey.h - what APIs that were composed apart have to agree on, seen from their rows.
 *
 * The usual composition after an edit has nothing to say across APIs: no two have one name, or one
 * base path of a port; what they lead to is there. That shows in the rows (parts.h) without a tree
 * of any of them in Lua. Where anything does not agree, or looks odd, the survey is none, and the
 * whole is composed of ghosts (lua/sluice/ghosts.lua), which say what is wrong.
 *
 * Row of an API    as ghosts.summary makes it: id, name, namespace; file, line, column of the
 * document; line, column of the address; scheme, host, port, base path; texts of plugins; fragment;
 * labels, services and uses, each behind its count.
 *
 * Ownership        views are of the parts, which have to outlive it.
 */
#pragma once

#include "config/parts.h"

#include "base/map.h"

struct survey_api {
	uint32_t part; /* its place in the array of parts */
	uint32_t fragment;
	struct str space;  /* its namespace */
	struct str labels; /* label_count times two values */
	uint32_t label_count;
	struct str services; /* service_count times five values */
	uint32_t service_count;
	struct str uses; /* use_count values */
	uint32_t use_count;
};

/* What has one address and port, by its first API. */
struct survey_port {
	struct str api, scheme, host, file;
	double port, line, column;
	struct map base_paths; /* values: any */
};

struct survey {
	struct survey_api *apis; /* owned: in the order of the plan */
	size_t api_count, api_capacity;
	struct survey_port *ports; /* owned: in the order of their first APIs */
	size_t port_count;
	struct str *plugins; /* owned: the different texts, in the order of their first APIs */
	size_t plugin_count;
	struct map ids;          /* of APIs */
	struct map service_ids;  /* 1 + number in the plan's list */
	struct map port_keys;    /* 1 + number; by "host|port" */
	struct map plugin_texts; /* values: any */
};

void survey_init(struct survey *s);
void survey_deinit(struct survey *s);
/* A service that stands on its own; all of them in their order, before the parts. False: the id is
 * another's. */
MUST_USE bool survey_add_service(struct survey *s, struct str id);
/* All APIs of the parts; those without fragments are passed over. False: something is to be said.
 */
MUST_USE bool survey_take(struct survey *s, const struct part *parts, size_t count);

bool survey_has_api(const struct survey *s, struct str id);
bool survey_has_service(const struct survey *s, struct str id);
/* Whether any API of that namespace (empty: of any) has all of the labels: `count` names, each with
 * its value behind it. */
bool survey_selects(
	const struct survey *s, struct str space, const struct str *labels, size_t count);
/* Of a service's id or of a port's key, in its list of the plan; below 0: there is none. */
int64_t survey_service(const struct survey *s, struct str id);
int64_t survey_port(const struct survey *s, struct str key);

/* Each fragment with its place in the list of services or of APIs. False: `fn` says so. */
typedef bool survey_place_fn(
	void *arg, uint32_t part, uint32_t fragment, bool is_api, uint32_t place);
bool survey_each_place(const struct survey *s, survey_place_fn *fn, void *arg);
