#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Circuit breakers count per service: over all endpoints, across reloads, and leave every place that they gave.

What each threshold does by itself stands in test_configured_limits.py, maxRetries in test_retries.py.
"""
from contextlib import ExitStack

from harness import *
from harness.documents import port_of


class Fleet(ExitStack):
    """Backends that hold every answer but that to /go back until `go`."""

    def __init__(self, count):
        super().__init__()
        self.goes_on = False
        self.backends = [self.enter_context(Backend(self.script_of("abcd"[i]))) for i in range(count)]

    def script_of(self, name):
        def script(connection):
            while request := connection.read_request():
                if request.target != "/go":
                    wait_for(lambda: self.goes_on, "the test's word", 30)
                connection.send(reply(200, name))
        return script

    def asked(self):
        return sum(len(b.requests) for b in self.backends)


def documents(upstreams, thresholds, name="a", port=None, base="", **fields):
    up = balanced(upstreams, **fields) if len(upstreams) > 1 else {"address": upstreams[0].address, **fields}
    return [api(name, services={"up": up}, port=port, base=base),
            binding(f"{name}-breaker", "circuit-breaker", {"thresholds": thresholds}, target=f"{name}-up",
                    kind="Service")]


def held(stack, gateway, count, target="/"):
    """So many clients that wait for their answer."""
    clients = [stack.enter_context(gateway.client()) for _ in range(count)]
    for client in clients:
        client.send(f"GET {target} HTTP/1.1\r\nhost: h\r\n\r\n")
    return clients


def statuses(clients):
    found = []
    for client in clients:
        found.append(client.read().status)
        client.close()
    return sorted(found)


def taken(gateway, kind, name="default/a-up"):
    service = next(s for s in gateway.status()["services"] if s["name"] == name)
    return service["circuitBreaker"][kind]["taken"]


def wait_taken(gateway, kind, count):
    wait_for(lambda: taken(gateway, kind) == count, f"{count} places of {kind}")


def refusals(gateway, count):
    """The records of those that were refused, when there are so many."""
    records = wait_for(lambda: len(r := [r for r in gateway.records_now() if r["status"] == 503]) >= count and r,
                       f"{count} refusals")
    return {(r["reason"], r["detail"]) for r in records}


@case
def requests_count_over_all_endpoints():
    with Fleet(3) as fleet, Gateway(documents(fleet.backends, {"maxRequests": 4})) as gateway:
        clients = held(fleet, gateway, 6)
        equal(refusals(gateway, 2), {("circuit_breaker", "maxRequests")})
        wait_for(lambda: fleet.asked() == 4, "four requests upstream")
        equal(taken(gateway, "maxRequests"), 4)
        fleet.goes_on = True
        equal(statuses(clients), [200] * 4 + [503] * 2)
        wait_taken(gateway, "maxRequests", 0)
        wait_for(lambda: [v for k, v in gateway.metrics().items() if k.startswith("sluice_answers_total{")
                          and 'reason="circuit_breaker"' in k] == [2], "the metric of both")


@case
def connections_count_over_all_endpoints():
    """Two endpoints have three connections between them; the fifth has no place to wait."""
    thresholds = {"maxConnections": 3, "maxPendingRequests": 1}
    with Fleet(2) as fleet, Gateway(documents(fleet.backends, thresholds)) as gateway:
        clients = held(fleet, gateway, 5)
        equal(refusals(gateway, 1), {("circuit_breaker", "maxPendingRequests")})
        wait_for(lambda: fleet.asked() == 3, "three requests upstream")
        equal((taken(gateway, "maxConnections"), taken(gateway, "maxPendingRequests")), (3, 1))
        fleet.goes_on = True
        equal(statuses(clients), [200] * 4 + [503])
        equal(sum(len(b.connections) for b in fleet.backends), 3)
        wait_taken(gateway, "maxPendingRequests", 0)


@case
def each_service_has_places_of_its_own():
    settings = configuration("all", {"circuitBreaker": {"thresholds": {"maxRequests": 1}}})
    with Fleet(2) as fleet:
        one = api("a", fleet.backends[0], base="/a")
        other = api("b", fleet.backends[1], base="/b", port=port_of(one))
        with Gateway([one, other, settings]) as gateway:
            client, = held(fleet, gateway, 1, "/a")
            wait_for(fleet.asked, "the request")
            equal([gateway.get(f"/{name}/go").status for name in "aba"], [503, 200, 503])
            fleet.goes_on = True
            equal(statuses([client]), [200])
            wait_taken(gateway, "maxRequests", 0)
            equal(gateway.get("/a/go").status, 200)


@case
def what_is_taken_outlives_a_reload():
    with Fleet(2) as fleet, Backend() as other:
        files = {"a.yaml": documents(fleet.backends, {"maxRequests": 1}), "b.yaml": [api("b", other)]}
        with Gateway(files) as gateway:
            client, = held(fleet, gateway, 1)
            wait_for(fleet.asked, "the request")
            gateway.save("b.yaml", [api("b", other, base="/moved")])
            equal((gateway.get("/go").status, taken(gateway, "maxRequests")), (503, 1))
            fleet.goes_on = True
            equal(statuses([client]), [200])
            wait_taken(gateway, "maxRequests", 0)
            equal(gateway.get("/go").status, 200)


@case
def another_threshold_holds_from_the_reload_on():
    with Fleet(2) as fleet:
        first = documents(fleet.backends, {"maxRequests": 1})
        with Gateway(first) as gateway:
            equal(gateway.get("/go").status, 200)
            gateway.save("gateway.yaml", documents(fleet.backends, {"maxRequests": 2}, port=port_of(first[0])))
            clients = held(fleet, gateway, 2)
            wait_for(lambda: fleet.asked() == 3, "both requests")
            equal((gateway.get("/go").status, taken(gateway, "maxRequests")), (503, 2))
            fleet.goes_on = True
            equal(statuses(clients), [200, 200])


@case
def nobody_healthy_is_told_as_that_and_takes_no_place():
    check_fails = {"path": "/go", "expectedStatuses": [204], "intervalSeconds": 0.05, "unhealthyThreshold": 1}
    with Fleet(2) as fleet, Gateway(documents(
            fleet.backends, {"maxRequests": 1, "maxPendingRequests": 1}, healthCheck=check_fails)) as gateway:
        wait_for(lambda: not any(e["available"] for e in gateway.status()["services"][0]["endpoints"]), "no health")
        equal([gateway.get("/go").status for _ in range(3)], [503] * 3)
        equal({r["reason"] for r in gateway.records(3)}, {"no_healthy_endpoint"})
        equal((taken(gateway, "maxRequests"), taken(gateway, "maxPendingRequests")), (0, 0))


@case
def who_leaves_gives_the_place_back():
    with Fleet(1) as fleet, Gateway(documents(fleet.backends, {"maxRequests": 1})) as gateway:
        for round_ in range(3):
            client, = held(fleet, gateway, 1)
            wait_for(lambda: fleet.asked() == round_ + 1, "the request")
            equal(gateway.get("/go").status, 503)
            client.reset()
            wait_taken(gateway, "maxRequests", 0)
        equal(gateway.get("/go").status, 200)


@case
def nobody_listening_gives_all_places_back():
    address = f"http://127.0.0.1:{free_port()}"
    thresholds = {"maxConnections": 1, "maxPendingRequests": 1, "maxRequests": 1}
    with Gateway([api("a", address), binding("b", "circuit-breaker", {"thresholds": thresholds}, target="a-up",
                                             kind="Service")]) as gateway:
        equal([gateway.get("/").status for _ in range(4)], [503] * 4)
        equal({r["reason"] for r in gateway.records(4)}, {"upstream_refused"})
        for kind in thresholds:
            wait_taken(gateway, kind, 0)


main()
