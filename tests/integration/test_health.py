#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Active health checks: who is unhealthy gets no request, and comes back when it is well."""
from contextlib import ExitStack

from harness import *

QUICK = {"intervalSeconds": 0.05, "timeoutSeconds": 1, "healthyThreshold": 1, "unhealthyThreshold": 1}


class Fleet(ExitStack):
    """Backends a, b, ... that answer with their names; checks get `health[name]`, 0: silence."""

    def __init__(self, count, tls=None):
        super().__init__()
        self.health, self.checks = {}, []
        self.backends = [self.enter_context(Backend(self.script_of("abcd"[i]), tls=tls))
                         for i in range(count)]

    def script_of(self, name):
        def script(connection):
            while request := connection.read_request():
                if request.target != "/health?x=1":
                    connection.send(reply(200, name))
                    continue
                self.checks.append((name, request))
                status = self.health.get(name, 200)
                if status:
                    connection.send(reply(status, "h"))
        return script


def gateway_of(upstreams, check, **fields):
    return Gateway([api("a", services={"up": balanced(upstreams, healthCheck=check, **fields)})])


def available(gateway):
    return [e["available"] for e in gateway.status()["services"][0]["endpoints"]]


def wait_available(gateway, *expected):
    wait_for(lambda: available(gateway) == list(expected), f"{expected}")


@case
def who_fails_its_checks_gets_no_request_until_it_is_well():
    check = {**QUICK, "path": "/health?x=1", "host": "check.example"}
    with Fleet(2) as fleet, gateway_of(fleet.backends, check) as gateway:
        fleet.health["a"] = 500
        wait_available(gateway, False, True)
        equal({gateway.get("/").text() for _ in range(8)}, {"b"})
        ill = gateway.status()["services"][0]["endpoints"][0]
        equal((ill["state"], ill["reason"], ill["requests"]), ("unhealthy", "it answered 500", 0))
        equal({r.get("host") for _, r in fleet.checks}, {"check.example"})
        fleet.health["a"] = 201
        wait_available(gateway, True, True)
        equal({gateway.get("/").text() for _ in range(8)}, {"a", "b"})
        contains(gateway.error_text(), "an endpoint is unhealthy: it answered 500")
        equal([e["state"] for e in gateway.status()["services"][0]["endpoints"]], ["healthy", "healthy"])
        contains(gateway.error_text(), "an endpoint is healthy again")
        # Checks are no requests of the service.
        answered = gateway.metrics()['sluice_service_requests_total{service="default/a-up",code="2xx"}']
        equal(answered, 16)


@case
def nobody_healthy_is_503_at_once():
    check = {**QUICK, "path": "/health?x=1", "expectedStatuses": [204]}
    with Fleet(1) as fleet, gateway_of([fleet.backends[0]], check) as gateway:
        wait_available(gateway, False)
        answer = gateway.get("/")
        equal(answer.status, 503)
        equal(gateway.records(1)[-1]["reason"], "no_healthy_endpoint")


@case
def a_single_address_is_checked_too():
    check = {**QUICK, "path": "/health?x=1"}
    with Fleet(1) as fleet, Gateway([api("a", services={"up": {
            "address": fleet.backends[0].address, "healthCheck": check}})]) as gateway:
        equal(gateway.get("/").text(), "a")
        fleet.health["a"] = 503
        wait_available(gateway, False)
        equal(gateway.get("/").status, 503)


@case
def silence_is_no_health():
    check = {**QUICK, "path": "/health?x=1", "timeoutSeconds": 0.1}
    with Fleet(2) as fleet, gateway_of(fleet.backends, check) as gateway:
        fleet.health["b"] = 0
        wait_available(gateway, True, False)


@case
def a_connection_is_enough_for_tcp():
    port = free_port()
    with Fleet(1) as fleet, gateway_of(
            [*fleet.backends, f"http://127.0.0.1:{port}"], {**QUICK, "type": "tcp"}) as gateway:
        wait_available(gateway, True, False)
        equal({gateway.get("/").text() for _ in range(4)}, {"a"})
        with Backend(reply(200, "new"), port=port):
            wait_available(gateway, True, True)
            equal({gateway.get("/").text() for _ in range(4)}, {"a", "new"})


@case
def thresholds_count_in_a_row():
    """The first check decides by itself; after it, three bad ones in a row do."""
    settings = {**QUICK, "path": "/health?x=1", "unhealthyThreshold": 3}
    with Fleet(1) as fleet, gateway_of(fleet.backends, settings) as gateway:
        wait_for(lambda: fleet.checks, "the first check")
        fleet.health["a"] = 500
        wait_available(gateway, False)
        check(len(fleet.checks) > 3, f"after {len(fleet.checks)} checks")


@case
def checks_go_on_after_a_reload_and_end_with_the_service():
    settings = {**QUICK, "path": "/health?x=1"}
    with Fleet(2) as fleet, Backend() as other:
        documents = [api("a", services={"up": balanced(fleet.backends, healthCheck=settings)})]
        with Gateway({"a.yaml": documents, "b.yaml": [api("b", other)]}) as gateway:
            fleet.health["a"] = 500
            wait_available(gateway, False, True)
            gateway.save("b.yaml", [api("b", other, base="/moved")])
            equal(available(gateway), [False, True])
            fleet.health["a"] = 200
            wait_available(gateway, True, True)
            gateway.save("a.yaml", [api("a", other)])
            wait_for(lambda: not any(b.live for b in fleet.backends), "the end of their connections")
            seen = len(fleet.checks)
            gateway.save("b.yaml", [api("b", other)])
            equal(len(fleet.checks), seen)


main()
