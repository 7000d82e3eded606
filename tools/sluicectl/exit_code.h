/* SPDX-License-Identifier: Apache-2.0 */
/* sluicectl/exit_code.h - what sluicectl's end says. */
#pragma once

enum exit_code {
	EXIT_YES = 0,
	EXIT_NO = 1,         /* the gateway, or what was asked about, says no */
	EXIT_USAGE = 2,      /* a wrong command line */
	EXIT_UNREACHABLE = 3 /* no gateway answers */
};
