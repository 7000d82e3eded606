/* SPDX-License-Identifier: Apache-2.0 */
/* proxy/upgrade.h - who may leave HTTP, and whether a switch is what was asked for.
 *
 * A token passes if the API's `upgrades` has it (websocket, where nothing is said), the request is
 * HTTP/1.1 and has no content; else the request goes on as plain HTTP, without its Upgrade. Browsers
 * let any site's scripts open WebSockets with their user's cookies, and say in Origin whose they are:
 * the API's `upgradeOrigins` are held against it, which no rule of CORS is. Of a
 * WebSocket (RFC 6455 section 4) both sides of the handshake are checked, so that no peer can be
 * brought to take bytes for frames that it has not asked for.
 *
 * On HTTP/2 an extended CONNECT asks (RFC 8441). It cannot go on as plain HTTP, since any 2xx would
 * be its switch: what is not allowed is refused. The key and its answer are HTTP/1.1's; a side that
 * has none gets the gateway's. */
#pragma once

#include "proxy/exchange_priv.h"

/* The request asks to leave HTTP (upgrade.n > 0). Leaves in it what may be asked of the upstream,
 * or fails the exchange: false. */
bool upgrade_judge(struct exchange *e);
/* Takes out of a WebSocket's request what whoever looks at frames cannot read: extensions. */
void upgrade_hide_extensions(struct exchange *e);
/* Of an extended CONNECT: whether what is about to be sent would be a switch that nobody made. Then
 * the exchange has failed. */
bool upgrade_is_false(struct exchange *e, bool is_local);
/* Whether the upstream's 101 answers what was asked; else what is wrong with it. NULL: nothing. */
const char *upgrade_mistake(const struct exchange *e);
/* Whether the upstream has agreed to some extensions of those that were asked for. */
bool upgrade_has_extensions(const struct exchange *e);
/* Makes of the upstream's switch one by the client's version of HTTP; false: no memory. */
bool upgrade_translate(struct exchange *e);
/* Whether a WebSocket was asked for. */
bool upgrade_is_websocket(const struct exchange *e);
