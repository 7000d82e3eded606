#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The included policies, end to end and in order."""
import base64
import json
import time

from harness import *


def policy(name, config=None, **more):
    return {"policyRef": {"name": name}, "config": config or {}, **more}


def basic(user, password):
    return {"authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


LIMIT_3 = policy("rate-limiting", {
    "rateLimits": [{"maximumRequests": 3, "timePeriodInMilliseconds": 60000}],
    "exposeHeaders": True})
LOGIN = policy("http-basic-authentication", {"username": "ann", "password": "s3cret"})


@case
def limits_a_rate():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[LIMIT_3])]) as gateway:
        answers = [gateway.get("/") for _ in range(5)]
        equal([a.status for a in answers], [200, 200, 200, 429, 429])
        equal([a.get("x-ratelimit-remaining") for a in answers[:3]], ["2", "1", "0"])
        equal(answers[0].get("x-ratelimit-limit"), "3")
        check(0 < int(answers[0].get("x-ratelimit-reset")) <= 60000, "ms to the window's end")
        contains(answers[3].get("content-type"), "application/json")
        check("error" in answers[3].json(), "a JSON error")
        equal(len(backend.requests), 3)
        record = gateway.records(5)[4]
        equal(record["status"], 429)
        check(record["policy"], "the record names the binding")
        check(record["reason"] not in ("ok", ""), f"reason {record['reason']}")


@case
def limits_per_key():
    limit = policy("rate-limiting", {
        "rateLimits": [{"maximumRequests": 1, "timePeriodInMilliseconds": 60000}],
        "keySelector": "#[attributes.headers['x-tenant']]"})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[limit])]) as gateway:
        got = [gateway.get("/", {"x-tenant": t} if t else {}).status
               for t in ("a", "b", "a", "A", None, None)]
        equal(got, [200, 200, 429, 200, 200, 429])


@case
def limits_together_across_workers():
    limit = policy("rate-limiting", {
        "rateLimits": [{"maximumRequests": 20, "timePeriodInMilliseconds": 60000}]})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[limit])], workers=4) as gateway:
        got = [gateway.get("/").status for _ in range(60)]
        equal(got.count(200), 20)
        equal(got.count(429), 40)


@case
def every_window_must_have_quota():
    limit = policy("rate-limiting", {"rateLimits": [
        {"maximumRequests": 2, "timePeriodInMilliseconds": 300},
        {"maximumRequests": 3, "timePeriodInMilliseconds": 60000}]})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[limit])]) as gateway, gateway.client() as client:
        began = time.monotonic()
        first = [client.get("/").status for _ in range(3)]
        if time.monotonic() - began < 0.3:
            equal(first, [200, 200, 429])
        if first[2] == 429:
            wait_for(lambda: client.get("/").status == 200, "the next of the short windows")
        equal([client.get("/").status for _ in range(3)], [429] * 3, "the long window is used up")


@case
def asks_for_a_password():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[LOGIN])]) as gateway:
        table = [("none", {}, 401), ("wrong password", basic("ann", "s3cres"), 401),
                 ("wrong user", basic("bob", "s3cret"), 401), ("prefix", basic("ann", "s3cre"), 401),
                 ("longer", basic("ann", "s3cretx"), 401), ("empty", basic("", ""), 401),
                 ("garbage", {"authorization": "Basic %%%"}, 401),
                 ("bearer", {"authorization": "Bearer abc"}, 401),
                 ("right", basic("ann", "s3cret"), 200)]
        for name, headers, status in table:
            with rows(name):
                answer = gateway.get("/", headers)
                equal(answer.status, status)
                if status == 401:
                    check(answer.get("www-authenticate", "").startswith("Basic realm="), "challenge")
        equal(len(backend.requests), 1)


@case
def takes_credentials_from_the_environment_and_never_logs_them():
    login = policy("http-basic-authentication", {"username": "$T_USER", "password": "$T_PASSWORD"})
    with Backend(reply(200, "x")) as backend, Gateway(
            [api("a", backend, policies=[login])], options=["--log-level", "debug"],
            env={"T_USER": "ann", "T_PASSWORD": "canary-4711"}) as gateway:
        equal(gateway.get("/", basic("ann", "canary-4711")).status, 200)
        equal(gateway.get("/", basic("ann", "$T_PASSWORD")).status, 401)
        gateway.records(2)
        everything = gateway.error_text() + json.dumps(gateway.records_now()) + \
            gateway.admin("GET", "/dump").text() + gateway.admin("GET", "/metrics").text() + \
            gateway.admin("GET", "/status").text()
        check("canary-4711" not in everything, "a secret got out")


@case
def injects_headers_both_ways():
    inject = policy("header-injection", {
        "inboundHeaders": [{"key": "x-in", "value": "#[attributes.method]"},
                           {"key": "x-fixed", "value": "yes"}],
        "outboundHeaders": [{"key": "x-out", "value": "done"}]})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[inject])]) as gateway:
        answer = gateway.request("POST", "/", body="b")
        equal(answer.get("x-out"), "done")
        equal((backend.requests[0].get("x-in"), backend.requests[0].get("x-fixed")), ("POST", "yes"))


@case
def an_injected_header_cannot_be_nominated_away():
    inject = policy("header-injection", {"inboundHeaders": [{"key": "x-role", "value": "user"}],
                                         "outboundHeaders": []})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[inject])]) as gateway:
        gateway.get("/", {"connection": "x-role", "x-role": "admin"})
        for request in backend.requests:
            equal(request.all("x-role"), ["user"])


@case
def logs_messages_before_and_after():
    log = policy("message-logging", {"loggingConfiguration": [{
        "itemName": "one", "itemData": {
            "message": "#['asked ' ++ attributes.requestPath]", "level": "WARN",
            "firstSection": True, "secondSection": False}}, {
        "itemName": "two", "itemData": {
            "message": "#['answered ' ++ attributes.statusCode]", "level": "WARN",
            "firstSection": False, "secondSection": True}}]})
    with Backend(reply(203, "x")) as backend, \
            Gateway([api("a", backend, policies=[log])]) as gateway:
        equal(gateway.get("/thing").status, 203)
        wait_for(lambda: "answered 203" in gateway.error_text(), "the second message")
        text = gateway.error_text()
        contains(text, "asked /thing")
        check(text.index("asked /thing") < text.index("answered 203"), "order")


@case
def runs_in_the_order_that_was_written():
    """Login before the limit: bad passwords use no quota. The other way round they do."""
    with Backend(reply(200, "x")) as backend:
        for policies, expected in (([LOGIN, LIMIT_3], [401, 401, 401, 401, 200]),
                                   ([LIMIT_3, LOGIN], [401, 401, 401, 429, 429])):
            with Gateway([api("a", backend, policies=policies)]) as gateway:
                got = [gateway.get("/").status for _ in range(4)]
                got.append(gateway.get("/", basic("ann", "s3cret")).status)
                equal(got, expected)


@case
def binding_order_decides_across_documents():
    with Backend(reply(200, "x")) as backend:
        documents = [api("a", backend, labels={"tier": "public"}),
                     binding("login", LOGIN["policyRef"]["name"], LOGIN["config"], target="a", order=90),
                     binding("limit", LIMIT_3["policyRef"]["name"], LIMIT_3["config"],
                             selector={"tier": "public"}, order=10)]
        with Gateway(documents) as gateway:
            equal([gateway.get("/").status for _ in range(4)], [401, 401, 401, 429])


@case
def rules_choose_which_requests_a_binding_sees():
    login = {**LOGIN, "rules": [{"path": "/private.*"}, {"path": "/mixed", "methods": "POST"}]}
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[login])]) as gateway:
        table = [("GET", "/public", 200), ("GET", "/private", 401), ("GET", "/private/x", 401),
                 ("GET", "/%70rivate", 401), ("GET", "//private", 401), ("GET", "/mixed", 200),
                 ("POST", "/mixed", 401), ("GET", "/public/../private", 401)]
        for method, target, status in table:
            with rows(f"{method} {target}"):
                equal(gateway.request(method, target).status, status)


@case
def selectors_reach_only_what_they_name():
    with Backend(reply(200, "x")) as backend:
        documents = [api("public", backend, labels={"tier": "public"}),
                     api("internal", backend, labels={"tier": "internal"}),
                     binding("login", LOGIN["policyRef"]["name"], LOGIN["config"],
                             selector={"tier": "public"})]
        with Gateway(documents) as gateway:
            equal(gateway.get("/", port=gateway.ports[0]).status, 401)
            equal(gateway.get("/", port=gateway.ports[1]).status, 200)


@case
def all_labels_of_a_selector_have_to_match():
    wanted = {"tier": "public", "team": "shop", "zone": "eu"}
    with Backend(reply(200, "x")) as backend:
        others = [api(f"without-{name}", backend, labels={**wanted, name: "other"}) for name in wanted]
        fewer = [api(f"fewer-{name}", backend, labels={k: v for k, v in wanted.items() if k != name})
                 for name in wanted]
        documents = [api("all", backend, labels={**wanted, "more": "x"}), *others, *fewer,
                     binding("login", LOGIN["policyRef"]["name"], LOGIN["config"], selector=wanted)]
        with Gateway(documents) as gateway:
            equal([gateway.get("/", port=p).status for p in gateway.ports], [401] + 6 * [200])


@case
def a_rule_that_exceeds_its_limits_does_not_pass_its_policy_by():
    """Whether the login is meant for it nobody can say: then it is nobody's."""
    rule = {"path": "/((x+x+)+y|z)"}
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[{**LOGIN, "rules": [rule]}])]) as gateway:
        equal(gateway.get("/z").status, 401)
        equal(gateway.get("/a").status, 200)
        equal(gateway.get("/" + 60 * "x", basic("ann", "s3cret")).status, 503)
        equal(gateway.records(3)[2]["reason"], "rule_limit")
        equal([r.target for r in backend.requests], ["/a"])


@case
def takes_the_vendors_names_and_versions():
    with Backend(reply(200, "x")) as backend:
        doc = api("a", backend, policies=[{
            **LOGIN, "policyRef": {"name": "http-basic-authentication-flex"}}])
        doc["apiVersion"] = "gateway.mulesoft.com/v1alpha1"
        with Gateway([doc]) as gateway:
            equal(gateway.get("/").status, 401)


@case
def a_policy_that_is_unknown_closes_its_api_and_no_other():
    with Backend(reply(200, "x")) as backend:
        documents = {"bad.yaml": [api("bad", backend, policies=[policy("no-such-policy")])],
                     "good.yaml": [api("good", backend)]}
        with Gateway(documents) as gateway:
            answer = gateway.get("/", port=gateway.ports[0])
            equal(answer.status, 503)
            equal(sorted(answer.json()), ["error", "requestId"])
            equal(gateway.get("/", port=gateway.ports[1]).status, 200)


main()
