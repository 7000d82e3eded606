#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policies ip-allowlist and ip-blocklist between real parties."""
from harness import *


def ips(name, entries, **more):
    return {"policyRef": {"name": name}, "config": {"ips": entries, **more}}


@case
def decides_by_the_address_of_the_connection():
    table = [("ip-allowlist-flex", ["127."], 200), ("ip-allowlist", ["10.0.0.0/8"], 403),
             ("ip-blocklist-flex", ["127.0.0.0/8"], 403), ("ip-blocklist", ["10."], 200)]
    with Backend(reply(200, "x")) as backend:
        documents = [api(f"a{i}", backend, policies=[ips(name, entries)])
                     for i, (name, entries, _) in enumerate(table)]
        with Gateway(documents) as gateway:
            for i, (name, entries, status) in enumerate(table):
                with rows(f"{name} {entries}"):
                    answer = gateway.get("/", {"x-forwarded-for": "10.0.0.1"},
                                         port=gateway.ports[i])
                    equal(answer.status, status)
                    if status == 403:
                        equal(answer.json()["error"], "The address of the client is not allowed")
            equal(sorted(r["reason"] for r in gateway.records(4) if r["status"] == 403),
                  ["ip_blocked", "ip_not_allowed"])


@case
def knows_ipv6_clients():
    with Backend(reply(200, "x")) as backend:
        documents = [api("a", backend, host="::1", policies=[ips("ip-allowlist", ["::1"])]),
                     api("b", backend, host="::1", policies=[ips("ip-allowlist", ["0.0.0.0/0"])])]
        with Gateway(documents) as gateway:
            for port, status in zip(gateway.ports, (200, 403)):
                with Client(("::1", port)) as client:
                    equal(client.get("/").status, status)


@case
def takes_the_address_from_an_expression():
    block = ips("ip-blocklist", ["203.0.113.0/24"],
                ipExpression="#[attributes.headers['x-client']]")
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[block])]) as gateway:
        table = [("192.0.2.1", 200), ("203.0.113.7", 403), ("192.0.2.1, 203.0.113.7", 403),
                 ("203.0.113.7, 192.0.2.1", 403), ("nobody", 403), (None, 403)]
        for text, status in table:
            with rows(str(text)):
                equal(gateway.get("/", {"x-client": text} if text else {}).status, status)


@case
def reads_a_hundred_thousand_addresses_and_follows_their_change():
    lists = [[f"10.{b}.{c}.{d}" for b in range(half * 2, half * 2 + 2) for c in range(200)
              for d in range(1, 256, 2)] for half in range(2)]
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        for blocked, status in ((False, 200), (True, 403)):
            entries = [entry for half in lists for entry in half] + ["127.0.0.1"] * blocked
            policy = ips("ip-blocklist", entries)
            gateway.save("gateway.yaml", [api("a", backend, port=gateway.port, policies=[policy])],
                         seconds=60)
            wait_for(lambda: gateway.get("/").status == status, f"{status} with {len(entries)}")
        check(len(entries) > 100000, f"{len(entries)} entries")


main()
