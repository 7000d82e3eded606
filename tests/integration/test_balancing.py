#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A service with several endpoints: who gets which request."""
from collections import Counter
from contextlib import ExitStack

from harness import *


class Fleet(ExitStack):
    """Backends that answer with their own names: a, b, c, ..."""

    def __init__(self, count, script_of=lambda name: reply(200, name)):
        super().__init__()
        self.backends = [self.enter_context(Backend(script_of("abcdefgh"[i]))) for i in range(count)]

    def asked(self):
        return [len(b.requests) for b in self.backends]


def answers(gateway, count, target="/", headers=()):
    with gateway.client() as client:
        return "".join(client.get(target, headers).text() for _ in range(count))


@case
def requests_go_round():
    with Fleet(3) as fleet, \
            Gateway([api("a", services={"up": balanced(fleet.backends)})]) as gateway:
        equal(answers(gateway, 9), "abcabcabc")
        equal([len(b.connections) for b in fleet.backends], [1, 1, 1])


@case
def weights_share_them_out():
    with Fleet(3) as fleet, Gateway([api("a", services={
            "up": balanced(fleet.backends, [3, 2, 1])})]) as gateway:
        equal(Counter(answers(gateway, 60)), {"a": 30, "b": 20, "c": 10})


@case
def every_endpoint_is_addressed_by_its_own_name():
    with Fleet(2, lambda name: echo) as fleet, \
            Gateway([api("a", services={"up": balanced(fleet.backends)})]) as gateway:
        for backend in fleet.backends:
            equal(gateway.get("/x").get("x-host"), backend.authority)


@case
def a_path_in_the_addresses_goes_before_every_path():
    with Fleet(2) as fleet, Gateway([api("a", services={
            "up": balanced([b.address + "/v1" for b in fleet.backends])})]) as gateway:
        answers(gateway, 2, "/x")
        equal([b.requests[0].target for b in fleet.backends], ["/v1/x", "/v1/x"])


@case
def the_busier_one_is_spared():
    """One answer is held back; none of the requests after it goes there."""
    def script_of(name):
        def script(connection):
            while request := connection.read_request():
                if request.target == "/held":
                    wait_for(lambda: released, "the end of the test", 30)
                connection.send(reply(200, name))
        return script
    released = []
    with Fleet(2, script_of) as fleet, Gateway([api("a", services={"up": balanced(
            fleet.backends, loadBalancing={"algorithm": "leastRequest"})})]) as gateway, \
            gateway.client() as held:
        held.send("GET /held HTTP/1.1\r\nhost: h\r\n\r\n")
        wait_for(lambda: sum(fleet.asked()), "the first request")
        busy = "ab"[fleet.asked().index(1)]
        check(busy not in answers(gateway, 20), f"requests for {busy}")
        released.append(True)
        equal(held.read().text(), busy)


@case
def chance_reaches_everybody():
    with Fleet(2) as fleet, Gateway([api("a", services={"up": balanced(
            fleet.backends, loadBalancing={"algorithm": "random"})})]) as gateway:
        equal(set(answers(gateway, 60)), {"a", "b"})


@case
def a_key_stays_with_its_endpoint():
    for algorithm in ("ringHash", "maglev"):
        balancing = {"algorithm": algorithm, "hashOn": "#[attributes.headers['x-user']]"}
        with Fleet(3) as fleet, rows(algorithm), Gateway([api("a", services={
                "up": balanced(fleet.backends, loadBalancing=balancing)})]) as gateway:
            of = {user: answers(gateway, 3, headers={"x-user": user}) for user in map(str, range(40))}
            equal({len(set(names)) for names in of.values()}, {1})
            equal({names[0] for names in of.values()}, {"a", "b", "c"})
            # Without a key it goes round.
            equal(set(answers(gateway, 3)), {"a", "b", "c"})


@case
def turns_and_connections_outlive_a_reload():
    with Fleet(3) as fleet, Backend() as other:
        documents = [api("a", services={"up": balanced(fleet.backends)})]
        with Gateway({"a.yaml": documents, "b.yaml": [api("b", other)]}) as gateway:
            equal(answers(gateway, 4), "abca")
            gateway.save("b.yaml", [api("b", other, base="/moved")])
            equal(answers(gateway, 4), "bcab")
            equal([len(b.connections) for b in fleet.backends], [1, 1, 1])


@case
def a_service_of_its_own_has_endpoints_too():
    with Fleet(2) as fleet:
        several = service("several", "http://unused:1")
        several["spec"] = balanced(fleet.backends, [1, 2])
        with Gateway([api("a"), several, binding("to", "route", {
                "destinationRef": {"name": "several"}}, target="a")]) as gateway:
            equal(Counter(answers(gateway, 6)), {"a": 2, "b": 4})


@case
def the_idle_race_is_run_on_another_endpoint():
    """The request that finds its connection closed goes to who was not tried."""
    def script_of(name):
        def script(connection):
            connection.read_request()
            connection.send(reply(200, name))
            if name == "a":
                connection.read_request()
                connection.reset()
            while connection.read_request():
                connection.send(reply(200, name))
        return script
    with Fleet(2, script_of) as fleet, \
            Gateway([api("a", services={"up": balanced(fleet.backends)})]) as gateway:
        equal(answers(gateway, 3), "abb")
        equal(fleet.asked(), [2, 2])


main()
