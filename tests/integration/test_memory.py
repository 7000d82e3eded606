#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a storm took goes back to the system when it is over."""
import contextlib
import re
import resource
import socket

from harness import *

CLIENTS = 900
# Of so much of a head the gateway keeps what came; the last line is not whole.
HEAD = b"GET / HTTP/1.1\r\nhost: h\r\n" + b"x-long: " + b"x" * 7000
# What the pools of one worker keep whatever happens, and what the allocator's holes are worth.
KEPT_KIB = 192 + 256
# What the first storm makes for good: rings of records, tables of descriptors and of addresses.
ONCE_KIB = 4096


def private_dirty_kib(gateway):
    with open(f"/proc/{gateway.pid()}/smaps_rollup") as f:
        return int(re.search(r"^Private_Dirty: +(\d+)", f.read(), re.M)[1])


def storm(gateway):
    """Many connections with an unfinished head each, all at once; what the process then has."""
    with contextlib.ExitStack() as open_ones:
        for _ in range(CLIENTS):
            sock = open_ones.enter_context(socket.create_connection(("127.0.0.1", gateway.port)))
            sock.sendall(HEAD)
        wait_for(lambda: gateway.status()["connections"] == CLIENTS, "all connections", 20)
        return private_dirty_kib(gateway)


def calm_kib(gateway, most):
    """Once nobody is there and the pools have aged: what is left, or what it stays at."""
    gateway.wait_until_empty()
    seen = []

    def is_calm():
        seen.append(private_dirty_kib(gateway))
        return seen[-1] <= most and gateway.metrics()["sluice_pool_idle_bytes"] <= KEPT_KIB << 10
    with contextlib.suppress(AssertionError):
        wait_for(is_calm, "the memory", 60)
    check(seen[-1] <= most, f"{seen[-1]} KiB, wanted {most:.0f}")
    return seen[-1]


@case(modes="full", seconds=240)
def what_a_storm_took_goes_back():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
    with Backend(lambda c: None) as backend, Gateway([api("a", backend)], workers=1) as gateway:
        cold = private_dirty_kib(gateway)
        peak = storm(gateway)
        check(peak > cold + 2 * ONCE_KIB, f"{peak} KiB at the peak, {cold} before")
        warm = calm_kib(gateway, cold + ONCE_KIB)
        peak = storm(gateway)
        calm = calm_kib(gateway, warm * 1.02 + KEPT_KIB)
        print(f"    {cold} KiB at first, {warm} after a storm, {peak} in the next, {calm} after it")


main()
