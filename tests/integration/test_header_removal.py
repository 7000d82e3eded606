#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy header-removal between real parties."""
from harness import *


def removal(inbound=(), outbound=()):
    return {"policyRef": {"name": "header-removal-flex"},
            "config": {"inboundHeaders": list(inbound), "outboundHeaders": list(outbound)}}


@case
def removes_fields_of_the_request():
    policies = [removal(["Authorization", "x-internal-.*", "x-forwarded-host"])]
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=policies)]) as gateway:
        equal(gateway.get("/", [("authorization", "secret"), ("X-Internal-User", "root"),
                                ("x-internal-user", "admin"), ("x-internal", "stays"),
                                ("accept", "text/plain")]).status, 200)
        request = backend.requests[0]
        for name in ("authorization", "x-internal-user", "x-forwarded-host"):
            check(not request.has(name), f"passed on {name}")
        equal((request.get("x-internal"), request.get("accept")), ("stays", "text/plain"))


@case
def removes_fields_of_the_response():
    policies = [removal([], ["server", "x-powered-.*"])]
    answer = reply(200, "body", {"Server": "secret/1.0", "X-Powered-By": "magic", "etag": '"1"',
                                 "content-type": "text/plain", "date": "then"})
    with Backend(answer) as backend, Gateway([api("a", backend, policies=policies)]) as gateway:
        got = gateway.get("/")
        equal(got.text(), "body")
        check(not got.has("x-powered-by"), "x-powered-by passed")
        check("secret" not in (got.get("server") or ""), "server passed")
        equal((got.get("etag"), got.get("content-type"), got.get("date")),
              ('"1"', "text/plain", "then"))


@case
def a_pattern_for_everything_leaves_messages_whole():
    policies = [removal([".*"], [".*"])]
    with Backend() as backend, Gateway([api("a", backend, policies=policies)]) as gateway:
        got = gateway.request("POST", "/x", {"content-type": "text/plain", "x-a": "1"}, body="hello")
        equal((got.status, got.text()), (200, "hello"))
        request = backend.requests[0]
        equal((request.get("content-type"), request.get("content-length")), ("text/plain", "5"))
        check(not request.has("x-a"), "x-a passed")


@case
def a_protected_name_closes_the_api():
    with Backend(reply(200, "x")) as backend:
        documents = [api("bad", backend, policies=[removal(["Content-Length"])]),
                     api("good", backend)]
        with Gateway(documents) as gateway:
            equal(gateway.get("/", port=gateway.ports[0]).status, 503)
            equal(gateway.get("/", port=gateway.ports[1]).status, 200)


main()
