#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a request goes: base paths, rules, destination paths, weights, hosts, ports."""
from harness import *


def targets_of(rows_, base="", routes=None):
    """Sends each request and compares what the upstream was asked for."""
    with Backend() as backend, Gateway([api("a", backend, base=base, routes=routes)]) as gateway:
        for target, expected in rows_:
            with rows(target):
                answer = gateway.get(target)
                if isinstance(expected, int):
                    equal(answer.status, expected)
                else:
                    equal((answer.status, answer.get("x-target")), (200, expected))


@case
def strips_the_base_path():
    targets_of([("/api/x", "/x"), ("/api/x?y=1", "/x?y=1"), ("/api", "/"), ("/api/", "/"),
                ("/apix", 404), ("/other", 404), ("/", 404)], base="/api")


@case
def rewrites_by_capture_groups():
    targets_of([("/foo/bar", "/bar"), ("/foo/a/b?c", "/a/b?c"), ("/bar", 404)],
               routes=[{"rules": [{"path": "/foo(/.*)"}]}])


@case
def keeps_the_path_without_groups():
    targets_of([("/foo/bar", "/foo/bar"), ("/foo", 404), ("/x/foo/bar", 404)],
               routes=[{"rules": [{"path": "/foo/.*"}]}])


@case
def prepends_the_destination_path():
    targets_of([("/api/foo/bar", "/orders/bar"), ("/api/bar", 404)], base="/api",
               routes=[{"config": {"destinationPath": "/orders"},
                        "rules": [{"path": "/foo(/.*)"}]}])


@case
def judges_all_parts_of_a_rule():
    routes = [{"rules": [{"path": "/a/.*", "methods": "GET|HEAD", "host": "shop\\.test",
                          "headers": {"x-beta": "on|1"}},
                         {"path": "/b/.*"}]}]
    table = [("GET", "/a/1", "shop.test", "on", 200), ("GET", "/a/1", "shop.test", "1", 200),
             ("GET", "/a/1", "shop.test", "off", 404), ("GET", "/a/1", "shop.test", None, 404),
             ("GET", "/a/1", "shopxtest", "on", 404), ("GET", "/a/1", "www.shop.test", "on", 404),
             ("GET", "/b/1", "any.test", None, 200), ("POST", "/b/1", "any.test", None, 200)]
    with Backend() as backend, Gateway([api("a", backend, routes=routes)]) as gateway:
        for method, target, host, beta, status in table:
            with rows(f"{method} {target} {host} {beta}"):
                headers = {"x-beta": beta} if beta else {}
                equal(gateway.request(method, target, headers, host=host).status, status)


@case
def answers_405_with_allow_when_only_the_method_fails():
    routes = [{"rules": [{"path": "/a", "methods": "GET|PUT"}]}]
    with Backend() as backend, Gateway([api("a", backend, routes=routes)]) as gateway:
        answer = gateway.request("DELETE", "/a")
        equal(answer.status, 405)
        equal(sorted(m.strip() for m in answer.get("allow", "").split(",")), ["GET", "PUT"])
        equal(gateway.records(1)[0]["reason"], "method_not_allowed")
        equal(gateway.request("DELETE", "/b").status, 404)
        equal(backend.requests, [])


@case
def sends_each_service_its_own():
    with Backend(reply(200, "one")) as one, Backend(reply(200, "two")) as two:
        services = {"one": {"address": one.address, "routes": [{"rules": [{"path": "/one.*"}]}]},
                    "two": {"address": two.address, "routes": [{"rules": [{"path": "/two.*"}]}]}}
        with Gateway([api("a", services=services)]) as gateway:
            equal(gateway.get("/one/x").text(), "one")
            equal(gateway.get("/two/x").text(), "two")
            equal(gateway.get("/three").status, 404)


@case
def orders_route_bindings():
    with Backend(reply(200, "first")) as first, Backend(reply(200, "second")) as second:
        documents = [
            api("a"), service("first", first), service("second", second),
            binding("late", "route", {"destinationRef": {"name": "second"}}, target="a", order=90),
            binding("early", "route", {"destinationRef": {"name": "first"}}, target="a", order=10,
                    rules=[{"path": "/special.*"}])]
        with Gateway(documents) as gateway:
            equal(gateway.get("/special/1").text(), "first")
            equal(gateway.get("/else").text(), "second")


@case
def splits_by_weight():
    with Backend(reply(200, "a")) as a, Backend(reply(200, "b")) as b:
        documents = [api("w"), service("a", a), service("b", b), binding(
            "split", "route-weighted", {"routes": [
                {"weight": 80, "destinationRef": {"name": "a"}},
                {"weight": 20, "destinationPath": "/v2", "destinationRef": {"name": "b"}}]},
            target="w")]
        with Gateway(documents) as gateway, gateway.client() as client:
            got = [client.get("/x").text() for _ in range(1000)]
            share = got.count("a") / len(got)
            # Five standard deviations of a fair draw.
            check(0.737 < share < 0.863, f"share of a: {share}")
            check(b.requests and all(r.target == "/v2/x" for r in b.requests), "destination path")


@case
def serves_many_apis_on_one_port_and_many_ports():
    shared, other = free_port(), free_port()
    with Backend() as backend:
        documents = [api(f"a{i}", backend, port=shared, base=f"/a{i}") for i in range(50)]
        documents += [api("b", backend, port=other), api("c", backend)]
        with Gateway(documents) as gateway:
            for i in range(50):
                with rows(f"/a{i}"):
                    equal(gateway.get(f"/a{i}/x", port=shared).get("x-target"), "/x")
            equal(gateway.get("/a1/x", port=other).get("x-target"), "/a1/x")
            equal(gateway.get("/x", port=gateway.ports[-1]).get("x-target"), "/x")
            equal({r["api"].split("/")[-1] for r in gateway.records(52)},
                  {f"a{i}" for i in range(50)} | {"b", "c"})


@case
def prefers_the_longest_base_path():
    port = free_port()
    with Backend(reply(200, "cats")) as cats, Backend(reply(200, "dogs")) as dogs:
        documents = [api("cats", cats, port=port, base="/cats"),
                     api("dogs", dogs, port=port, base="/cats/dogs")]
        with Gateway(documents) as gateway:
            for target, expected in (("/cats/1", "cats"), ("/cats/dogs/1", "dogs"),
                                     ("/cats/dogsx", "cats"), ("/cats/dogs", "dogs")):
                with rows(target):
                    equal(gateway.get(target).text(), expected)


@case
def answers_404_in_json_and_with_an_id():
    with Backend() as backend, Gateway([api("a", backend, base="/api")]) as gateway:
        answer = gateway.get("/nowhere")
        equal(answer.status, 404)
        contains(answer.get("content-type"), "application/json")
        body = answer.json()
        equal(sorted(body), ["error", "requestId"])
        equal(body["requestId"], answer.get("x-request-id"))
        record = gateway.records(1)[0]
        equal((record["reason"], record["requestId"]), ("no_api", body["requestId"]))


main()
