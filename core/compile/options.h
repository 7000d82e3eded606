/* SPDX-License-Identifier: Apache-2.0 */
/* compile/options.h - the command lines of check, explain and compile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define OPTION_LIST_MAX 64

enum command { COMMAND_NONE, COMMAND_COMPILE, COMMAND_CHECK, COMMAND_EXPLAIN, COMMAND_SCHEMA };

struct compile_options {
	enum command command;
	const char *paths[OPTION_LIST_MAX]; /* of the configuration; at least one. schema: its name */
	size_t path_count;
	const char *plugin_dirs[OPTION_LIST_MAX]; /* none: the installation's */
	size_t plugin_dir_count;
	const char *headers[OPTION_LIST_MAX]; /* explain: "name: value" */
	size_t header_count;
	const char *api;     /* explain: NULL: the request's */
	const char *request; /* explain: "GET /path", "GET http://host:port/path" or NULL */
	int out_fd;          /* compile: where the binary plan goes; -1: standard output */
	int ready_fd;        /* compile: gets a byte when the plan is there; -1: nobody waits */
	int record_in_fd;    /* compile: what the former composition left; -1: nothing */
	int record_out_fd;   /* compile: for what this one leaves; -1: nowhere */
	bool print;          /* compile: JSON instead */
	bool json;           /* check, explain */
	bool names;          /* schema: what there is */
	bool no_load;        /* check: plugins stay files */
	const char *gateway; /* check: the program that loads them; NULL: nobody does */
	bool strict;         /* check: warnings count, too; compile: the plan is marked */
};

enum options_verdict { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_BAD };

/* OPTIONS_BAD has told standard error what is wrong, OPTIONS_HELP has printed the help. */
enum options_verdict compile_options_parse(int argc, char **argv, struct compile_options *o);
