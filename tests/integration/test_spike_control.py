#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy spike-control between real parties: two workers, clients that wait and clients that go away."""
from harness import *
from harness.frames import FrameClient, headers, rst

ASK = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


def control(period):
    return {"policyRef": {"name": "spike-control-flex"}, "config": {
        "maximumRequests": 1, "timePeriodInMilliseconds": period, "delayTimeInMillis": 50,
        "delayAttempts": 1000, "queuingLimit": 1}}


def does_wait(gateway):
    return any(name.startswith("sluice_policy_spike_delayed_total") and value == 1
               for name, value in gateway.metrics().items())


def waits(gateway, client):
    """A request of this client's waits; what comes too late for that passes, and the next is quicker. How many passed."""
    def waits_or_passes():
        nonlocal passed
        if does_wait(gateway):
            return True
        try:
            equal(client.read(timeout=0.05).status, 200)
        except TimedOut:
            return False
        passed += 1
        client.send(ASK)
        return False
    passed = 0
    client.send(ASK)
    wait_for(waits_or_passes, "the one that waits", 20)
    return passed


@case
def two_workers_have_one_window_and_one_queue():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[control(5000)])], workers=2) as gateway, \
            gateway.client() as client:
        equal(gateway.get("/").status, 200)
        waits(gateway, client)
        statuses = [gateway.get("/").status for _ in range(8)]  # on either worker
        check(429 in statuses, f"more than one waited: {statuses}")
        equal(client.read(timeout=20).status, 200)


@case
def who_goes_away_leaves_its_place():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend, policies=[control(1000)])]) as gateway:
        equal(gateway.get("/").status, 200)
        with gateway.client() as client:
            passed = waits(gateway, client)
        gateway.records(2 + passed)  # the last is that of the one that went away
        equal([gateway.get("/").status for _ in range(3)], [200] * 3)


@case(modes="full", seconds=60)
def a_stream_that_is_reset_leaves_its_place():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend, policies=[control(5000)])]) as gateway, \
            FrameClient(gateway.port) as client:
        equal(gateway.get("/").status, 200)
        client.send(headers(1))
        wait_for(lambda: does_wait(gateway), "the one that waits", 20)
        client.send(rst(1))
        gateway.records(2)
        client.send(headers(3))
        equal(client.answer(3, 20), (200, b"x"))


main()
