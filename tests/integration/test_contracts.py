#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Contracts of clients: what policies are told of them, before and after a change, and where their secrets stay."""
import json
import os

from harness import *
from harness.cases import WITNESS
from harness.documents import document

SECRET = "wonderland-4711"


def contract(name, client, secret=SECRET, tier="gold", api_id="a"):
    return document("Contract", name, {"apiId": api_id, "client": {"id": client, "secret": secret},
                                       "sla": {"name": tier}})


def told(backend, client, name, secret):
    equal(client.get("/", headers=[("x-client", name), ("x-secret", secret)]).status, 200)
    request = backend.requests[-1]
    return [request.all(field)[0] for field in ("x-known", "x-right", "x-tier")]


@case
def a_change_counts_at_once_and_touches_no_api():
    witness = {"policyRef": {"name": "witness"}}
    with Backend(reply(200, "x")) as backend:
        apis = [api("a", backend, policies=[witness])]
        with Gateway({"a.yaml": apis, "c.yaml": [contract("ann", "ann"), contract("bob", "bob", tier="lead")]},
                     workers=1, options=["--plugins", WITNESS]) as gateway:
            with gateway.client() as client:
                equal(told(backend, client, "ann", SECRET), ["yes", "yes", "gold"])
                equal(told(backend, client, "bob", "wrong"), ["yes", "no", "lead"])
                equal(told(backend, client, "eve", SECRET), ["no", "no", ""])
                gateway.save("c.yaml", [contract("ann", "ann", tier="silver")])
                equal(told(backend, client, "ann", SECRET), ["yes", "yes", "silver"])
                equal(told(backend, client, "bob", SECRET), ["no", "no", ""])


@case
def apis_of_many_files_have_contracts():
    """Which are composed apart; their contracts are shared, and name APIs that are not at hand."""
    witness = {"policyRef": {"name": "witness"}}
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        files = {f"a{i}.yaml": [api(f"a{i}", backend, port=port, base=f"/{i}", policies=[witness])] for i in range(70)}
        files["c.yaml"] = [contract("ann", "ann", api_id="a7"), contract("bob", "bob", api_id="default/a8")]
        with Gateway(files, options=["--plugins", WITNESS]) as gateway:
            def told_of(path, name):
                gateway.request("GET", path, headers=[("x-client", name), ("x-secret", SECRET)], port=port)
                return backend.requests[-1].all("x-right")
            equal([told_of("/7/", "ann"), told_of("/8/", "ann"), told_of("/8/", "bob")], [["yes"], ["no"], ["yes"]])
            gateway.save("c.yaml", [contract("ann", "ann", api_id="a8")])
            equal([told_of("/7/", "ann"), told_of("/8/", "ann"), told_of("/8/", "bob")], [["no"], ["yes"], ["no"]])
            gateway.write("c.yaml", [contract("ann", "ann", api_id="a70")])
            wait_for(lambda: "no ApiInstance" in gateway.error_text(), "the mistake")


@case
def no_secret_leaves_the_documents():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), contract("ann", "ann")]) as gateway:
        equal(gateway.get("/").status, 200)
        for folder, _, names in os.walk(gateway.state):
            for name in names:
                if not os.path.isfile(os.path.join(folder, name)):
                    continue
                with open(os.path.join(folder, name), "rb") as f:
                    check(SECRET.encode() not in f.read(), f"{name} holds the secret")
        dump = gateway.admin("GET", "/dump").text()
        equal(json.loads(dump)["contracts"][0]["clientId"], "ann")
        check(SECRET not in dump, "nor its digest, which a dump leaves out")
        check(len(json.loads(dump)["contracts"][0]["secretDigest"]) != 64, dump)


main()
