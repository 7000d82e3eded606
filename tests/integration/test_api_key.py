#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy api-key between real parties."""
import hashlib
import json


from harness import *
from harness.documents import document


def keys(*entries, **config):
    return {"policyRef": {"name": "api-key"}, "config": {"keys": list(entries), **config}}


def key(text, client, **more):
    return {"key": text, "clientId": client, **more}


def digest(text):
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


@case
def lets_known_clients_pass_and_tells_who_they_are():
    who = {"policyRef": {"name": "header-injection"}, "config": {"inboundHeaders": [
        {"key": "x-client", "value": "#[authentication.clientId ++ '/' ++ authentication.clientName]"}]}}
    policies = [keys(key("plain-key-1", "acme", clientName="Acme Ltd"),
                     key(digest("digested-key"), "initech")), who]
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=policies)]) as gateway:
        for given, client in (("plain-key-1", "acme/Acme Ltd"), ("digested-key", "initech/initech")):
            equal(gateway.get("/", {"X-API-Key": given}).status, 200)
            equal(backend.requests[-1].get("x-client"), client)
            check(not backend.requests[-1].has("x-api-key"), "the key went on")
        for given in (None, "", "plain-key-2", digest("digested-key")):
            with rows(str(given)):
                answer = gateway.get("/", {} if given is None else {"x-api-key": given})
                equal(answer.status, 401)
                equal(answer.get("www-authenticate"), 'ApiKey realm="sluice"')
                contains(answer.json()["error"], "API key")
        equal(len(backend.requests), 2)
        equal([r["reason"] for r in gateway.records(6)][2:],
              ["api_key_missing", "api_key_missing", "api_key_unknown", "api_key_unknown"])


@case
def finds_the_key_where_it_is_told_to():
    with Backend() as backend:
        documents = [
            api("q", backend, policies=[keys(key("plain-key-1", "c"), **{"in": "query", "name": "key"})]),
            api("c", backend, policies=[keys(key("plain-key-1", "c"), **{"in": "cookie", "name": "key"})]),
            api("h", backend, policies=[keys(key("plain-key-1", "c"), name="authorization",
                                             scheme="Bearer", forwardKey=True)])]
        with Gateway(documents) as gateway:
            query, cookie, header = gateway.ports
            gateway.get("/a?b=1&key=canary-zq11", port=query)
            equal(gateway.records(1)[0]["target"], "/a?b=1&key=***")
            answer = gateway.get("/a?x=%20&key=plain%2Dkey-1&y=2", port=query)
            equal((answer.status, answer.get("x-target")), (200, "/a?x=%20&y=2"))
            equal(gateway.get("/a?key=plain-key-1", port=query).get("x-target"), "/a")
            equal(gateway.get("/a?key=plain-key-1&key=x", port=query).status, 400)
            equal(gateway.get("/a", {"x-api-key": "plain-key-1"}, port=query).status, 401)
            equal(gateway.get("/", {"cookie": "a=b; key=plain-key-1"}, port=cookie).status, 200)
            equal(backend.requests[-1].get("cookie"), "a=b")
            equal(gateway.get("/", {"cookie": "key=plain-key-1; key=plain-key-1"},
                              port=cookie).status, 400)
            equal(gateway.get("/", {"authorization": "Bearer plain-key-1"}, port=header).status, 200)
            equal(backend.requests[-1].get("authorization"), "Bearer plain-key-1")
            equal(gateway.get("/", {"authorization": "Basic plain-key-1"}, port=header).get(
                "www-authenticate"), 'Bearer realm="sluice"')


def hidden(documents, asks, **config):
    """All that the gateway writes of requests with a key in the query; asks: (port's index, target, reason)."""
    # No value of these may be shown; the second as some clients write it.
    keys = ("canary-zq11-key", "canary%2Dzq11%2Dkey")
    with Gateway(documents, options=["--log-level", "debug"]) as gateway, \
            Stories(gateway, len(asks)) as stories:
        for i, (port, target, reason) in enumerate(asks):
            with rows(target):
                gateway.get(target.replace("KEY", keys[i % 2]), port=gateway.ports[port])
                story = stories.next()
                record = gateway.records(i + 1)[i]
                equal(record["reason"], reason)
                contains(record["target"], "*")
                check("zq11" not in json.dumps(record) + json.dumps(story), "the key got out")
        check("zq11" not in gateway.error_text(), "the key got into the log")
        gateway.says("asked for")


@case
def hides_the_key_whoever_answers():
    key_in_query = keys(key("canary-zq11-key", "c"), **{"in": "query", "name": "key"})
    blocks = {"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ["127.0.0.1"]},
              "rules": [{"path": "/blocked"}]}
    tells = {"policyRef": {"name": "message-logging"}, "config": {"loggingConfiguration": [
        {"itemName": "all", "itemData": {
            "message": "#['asked for ' ++ attributes.requestUri ++ attributes.queryParams.key]",
            "firstSection": True}}]}}
    skipped = {**key_in_query, "rules": [{"path": "/elsewhere"}]}
    with Backend(reply(200, "x")) as backend:
        moved = api("moved", backend, policies=[key_in_query])
        moved["spec"]["redirect"] = {"scheme": "https"}
        documents = [api("a", backend, base="/shop", policies=[tells, blocks, key_in_query]),
                     api("skipped", backend, policies=[skipped]),
                     api("broken", backend, policies=[key_in_query, {"policyRef": {"name": "no-such"}}]),
                     api("closed", backend, policies=[{"policyRef": {"name": "access-block"}}, key_in_query]),
                     moved]
        hidden(documents, [
            (0, "/shop/blocked?key=KEY", "ip_blocked"),
            (0, "/shop/a?key=KEY", "ok"),
            (0, "/shop/a?Key=KEY", "api_key_missing"),
            (0, "/shop/a?a=1&k%65y=KEY&key=KEY", "api_key_ambiguous"),
            (0, "/nobody?key=KEY", "no_api"),
            (1, "/a?key=KEY", "ok"),
            (2, "/a?key=KEY", "api_unavailable"),
            (3, "/a?key=KEY", "access_blocked"),
            (4, "/a?key=KEY", "redirected"),
        ])


@case
def hides_a_key_in_a_field_from_the_log():
    tells = {"policyRef": {"name": "message-logging"}, "config": {"loggingConfiguration": [
        {"itemName": "all", "itemData": {"message": "#['by ' ++ attributes.headers['x-api-key']]",
                                         "firstSection": True}}]}}
    with Backend(reply(200, "x")) as backend, Gateway(
            [api("a", backend, policies=[tells, keys(key("canary-zq11-key", "c"))])]) as gateway:
        equal(gateway.get("/", {"x-api-key": "canary-zq11-key"}).status, 200)
        gateway.records(1)
        gateway.says("by ***")
        check("zq11" not in gateway.error_text(), "the key got into the log")


@case
def takes_keys_from_secrets_and_never_shows_them():
    secret = document("Secret", "partners", {"data": {"acme": "canary-zq11-secret"}})
    policies = [keys(key("${secret:partners.acme}", "acme"), key("canary-zq11-inline", "other"),
                     key("$T_KEY", "third"))]
    with Backend(reply(200, "x")) as backend, \
            Gateway([secret, api("a", backend, policies=policies)],
                    options=["--log-level", "debug"], env={"T_KEY": "canary-zq11-env"}) as gateway:
        for given in ("canary-zq11-secret", "canary-zq11-inline", "canary-zq11-env"):
            equal(gateway.get("/", {"x-api-key": given}).status, 200)
        equal(gateway.get("/", {"x-api-key": "canary-zq11-wrong"}).status, 401)
        gateway.records(4)
        everything = gateway.error_text() + json.dumps(gateway.records_now()) + "".join(
            gateway.admin("GET", path).text() for path in ("/dump", "/metrics", "/status"))
        check("canary-zq11" not in everything, "a key got out")


@case
def keys_come_and_go_without_a_gap():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[keys(key("old-key-1", "c"))])]) as gateway:
        def serve(*entries):
            gateway.save("gateway.yaml", [api("a", backend, port=gateway.port,
                                              policies=[keys(*entries)])])

        def ask():
            return [gateway.get("/", {"x-api-key": k}).status for k in ("old-key-1", "new-key-1")]
        equal(ask(), [200, 401])
        serve(key("old-key-1", "c", expires="2999-01-01"), key("new-key-1", "c"))
        equal(ask(), [200, 200])
        serve(key("old-key-1", "c", expires="2020-01-01T00:00:00Z"), key("new-key-1", "c"))
        equal(ask(), [401, 200])


@case
def serves_ten_thousand_keys():
    entries = [key(digest(f"key-{i}"), f"client-{i}") for i in range(10000)]
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        gateway.save("gateway.yaml", [api("a", backend, port=gateway.port, policies=[keys(*entries)])],
                     seconds=60)
        for i in (0, 4711, 9999):
            equal(gateway.get("/", {"x-api-key": f"key-{i}"}).status, 200)
        equal(gateway.get("/", {"x-api-key": "key-10000"}).status, 401)


main()
