/* SPDX-License-Identifier: Apache-2.0 */
/* tests/fuzz/lua_services.h - the services of the host of fuzz_lua_script.c: stores, calls, digests, metrics,
 * timers, and the parts of requests. */
#pragma once

/* By its name and version; NULL: there is none. */
const void *lua_service(const char *name);
/* Nothing is defined any more. */
void lua_services_reset(void);
