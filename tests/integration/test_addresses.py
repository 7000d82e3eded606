#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Addresses other than 127.0.0.1: UNIX sockets, IPv6, names."""
from harness import *


@case
def reaches_an_upstream_on_a_unix_socket():
    path = scratch("socket") + "/up.sock"
    with Backend(unix=path) as backend, Gateway([api("a", f"unix://{path}")]) as gateway:
        answer = gateway.request("POST", "/x", body="hi")
        equal((answer.status, answer.body), (200, b"hi"))
        equal(backend.requests[0].target, "/x")
    with Gateway([api("a", f"unix://{path}")]) as gateway:
        equal(gateway.get("/").status, 503)


@case
def listens_and_dials_on_ipv6():
    with Backend(host="::1") as backend, Gateway([api("a", backend, host="::1")]) as gateway:
        with Client(("::1", gateway.port)) as client:
            equal(client.get("/six").get("x-target"), "/six")
        equal(backend.requests[0].get("x-forwarded-for"), "::1")
        equal(gateway.records(1)[0]["client"].strip("[]").split("]")[0], "::1")


@case
def resolves_names():
    with Backend(reply(200, "local")) as backend:
        with Gateway([api("a", f"http://localhost:{backend.port}")]) as gateway:
            equal(gateway.get("/").text(), "local")
            equal(backend.requests[0].get("host"), f"localhost:{backend.port}")


@case
def listens_on_all_addresses():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend, host="0.0.0.0")]) as gateway:
        equal(gateway.get("/").status, 200)


main()
