/* SPDX-License-Identifier: Apache-2.0 */
/* base/exit_code.h - what a program's end says to whoever started it. */
#pragma once

/* The system had not enough of something (threads, descriptors, memory of the kernel), which may
 * pass: start it again. EX_TEMPFAIL of sysexits.h. */
#define EXIT_LACKS 75
