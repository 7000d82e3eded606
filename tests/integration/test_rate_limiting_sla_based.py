#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy rate-limiting-sla-based between real parties: two workers, and tiers that change."""
from harness import *
from harness.gateway import PLUGINS
from harness.documents import document


def contract(maximum):
    return document("Contract", "c", {"apiId": "a", "client": {"id": "shop"}, "sla": {
        "name": "gold", "limits": [{"maximumRequests": maximum, "timePeriodInMilliseconds": 3600000}]}})


@case
def workers_count_together_and_a_new_tier_counts_on():
    policy = {"policyRef": {"name": "rate-limiting-sla-based-flex"}, "config": {"exposeHeaders": True}}
    with Backend(reply(200, "x")) as backend, Gateway({
            "api.yaml": [api("a", backend, policies=[policy])], "contract.yaml": [contract(3)]},
            workers=2) as gateway:
        def ask():
            return gateway.get("/", {"client_id": "shop"})

        equal(sorted(ask().status for _ in range(12)), [200] * 3 + [429] * 9)
        gateway.write("contract.yaml", [contract(5)])
        wait_for(lambda: ask().get("x-ratelimit-limit") == "5", "the new tier")
        equal([ask().status for _ in range(3)], [200, 429, 429])
        equal(len(backend.requests), 5)
        equal(gateway.get("/").status, 401)


@case
def a_server_that_is_away():
    """Each of two gateways then has a half of the tier, or as it says."""
    for word, expected in ((None, [503] * 3), ("allow", [200] * 3), ("local", [200, 200, 429])):
        policy = {"policyRef": {"name": "rate-limiting-sla-based"},
                  "config": {"onStoreError": word} if word else {}}
        with Redis() as redis, Backend(reply(200, "x")) as backend:
            store = configuration("store", {"sharedStorage": {"redis": {
                "address": redis.address, "gateway": "g", "replicas": 2, "timeoutSeconds": 10,
                "connectTimeoutSeconds": 10}}})
            with Gateway([api("a", backend, policies=[policy]), contract(4), store]) as gateway:
                def ask():
                    return gateway.get("/", {"client_id": "shop"}).status
                equal([ask() for _ in range(5)], [200] * 4 + [429], str(word))
                redis.kill()
                gateway.says("shared storage cannot be asked")
                equal([ask() for _ in range(3)], expected, str(word))
                said = sluice("explain", "--api", "default/a", gateway.config, "--plugins", PLUGINS).stdout
                contains(said, f"without an answer: {word or 'deny'}")


main()
