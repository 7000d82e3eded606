/* SPDX-License-Identifier: Apache-2.0 */
/* supervise/notify.h - telling systemd how it goes (sd_notify(3), Type=notify).
 *
 * One datagram to the socket that $NOTIFY_SOCKET names; without it, nothing. */
#pragma once

#include <stdint.h>

void notify_send(const char *text);
/* Half of what the watchdog of systemd waits, in ms; 0: it does not watch. */
int64_t notify_watchdog_ms(void);
