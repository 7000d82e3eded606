/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/supervisor.h - `sluice run`: keeps one gateway serving.
 *
 * Parses nothing but its command line. It holds the listening sockets, starts the gateway, starts
 * the next one when it dies, and replaces it (and itself) when asked.
 *
 *   SIGTERM, SIGINT   the gateway drains, then all ends; a second one ends it at once
 *   SIGHUP            the gateway reads its folder again
 *   SIGUSR1           the gateway reopens its logs
 *   SIGUSR2           upgrade: this program is executed anew in place, and starts a new gateway
 *                     beside the old one, which drains once the new one serves
 */
#pragma once

/* argv is that of `sluice run`, without these two words. Its exit code. */
int supervisor_run(int argc, char **argv);
