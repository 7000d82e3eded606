#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policy cors between real parties: preflights, answers, and what stands around it in a chain."""
import base64
import http.client

from harness import *

SHOP = "https://shop.example"


def cors(**config):
    return {"policyRef": {"name": "cors-flex"}, "config": config}


GROUPS = cors(publicResource=False, supportCredentials=True, originGroups=[{
    "name": "shop", "origins": [SHOP], "accessControlMaxAge": 60,
    "allowedMethods": [{"methodName": "GET", "isAllowed": True}, {"methodName": "PUT"}],
    "headers": ["content-type"], "exposedHeaders": ["x-request-id"]}])
LOGIN = {"policyRef": {"name": "http-basic-authentication"},
         "config": {"username": "ann", "password": "s3cret"}}


def preflight(client, method="PUT", origin=SHOP, headers="content-type", target="/"):
    return client.request("OPTIONS", target, {
        "origin": origin, "access-control-request-method": method,
        "access-control-request-headers": headers})


@case
def answers_preflights_before_all_other_policies():
    """Also when it is written last: a preflight carries no password."""
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend, policies=[LOGIN, GROUPS])]) as gateway:
        answer = preflight(gateway)
        equal((answer.status, answer.text()), (200, ""))
        equal(answer.get("access-control-allow-origin"), SHOP)
        equal(answer.get("access-control-allow-credentials"), "true")
        equal(answer.get("access-control-allow-methods"), "GET, PUT")
        equal(answer.get("access-control-allow-headers"), "content-type")
        equal(answer.get("access-control-max-age"), "60")
        contains(answer.get("vary"), "Origin")
        for what, denied in (("origin", preflight(gateway, origin="https://evil.example")),
                             ("method", preflight(gateway, method="DELETE")),
                             ("header", preflight(gateway, headers="x-evil"))):
            with rows(what):
                equal((denied.status, denied.get("access-control-allow-origin")), (200, None))
                contains(denied.get("vary"), "Origin")
        equal(len(backend.requests), 0)
        equal([r["reason"] for r in gateway.records(4)], ["cors_preflight"] * 4)


@case
def scripts_may_read_answers_of_the_upstream_and_of_policies():
    answer = reply(200, "x", [("access-control-allow-origin", "*"), ("vary", "accept")])
    with Backend(answer) as backend, \
            Gateway([api("a", backend, policies=[GROUPS, LOGIN])]) as gateway:
        password = base64.b64encode(b"ann:s3cret").decode()
        for status, headers in ((200, {"authorization": "Basic " + password}), (401, {})):
            for origin, allowed in ((SHOP, SHOP), ("https://evil.example", None), (None, None)):
                with rows(f"{status} {origin}"):
                    got = gateway.get("/", {**headers, **({"origin": origin} if origin else {})})
                    equal(got.status, status)
                    equal(got.all("access-control-allow-origin"), [allowed] if allowed else [])
                    equal(got.get("access-control-expose-headers"),
                          "x-request-id" if allowed else None)
                    contains(got.all("vary"), "Origin")
        equal(len(backend.requests), 3)


@case
def answers_only_where_its_rules_match():
    policy = {**cors(), "rules": [{"path": "/open(/.*)?"}]}
    with Backend(reply(200, "x", {"x-from": "upstream"})) as backend, \
            Gateway([api("a", backend, policies=[policy], base="/base")]) as gateway:
        equal(preflight(gateway, target="/base/open/x").get("access-control-allow-origin"), "*")
        equal(len(backend.requests), 0)
        other = preflight(gateway, target="/base/closed")
        equal((other.get("x-from"), other.get("access-control-allow-origin")), ("upstream", None))
        equal(preflight(gateway, target="/elsewhere").status, 404)


@case
def passes_plain_options_on_when_told_to():
    with Backend(reply(200, "", {"allow": "GET"})) as backend, \
            Gateway([api("a", backend, policies=[cors(forwardPlainOptions=True)])]) as gateway:
        equal(gateway.request("OPTIONS", "/").get("allow"), "GET")
        equal(preflight(gateway).get("allow"), None)
        equal([r.method for r in backend.requests], ["OPTIONS"])


def fetch(port, origin, method, headers):
    """What a script at `origin` gets, by the Fetch standard: first the preflight, then the request."""
    def ask(method, headers):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, "/", headers={"origin": origin, **headers})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer, body

    def lists(answer, name):
        return [v.strip().lower() for v in (answer.getheader(name) or "").split(",")]

    def shares(answer):
        return answer.getheader("access-control-allow-origin") == origin and \
            answer.getheader("access-control-allow-credentials") == "true"

    first, _ = ask("OPTIONS", {"access-control-request-method": method,
                               "access-control-request-headers": ",".join(sorted(headers))})
    if not (200 <= first.status < 300 and shares(first)
            and method.lower() in lists(first, "access-control-allow-methods")
            and set(headers) <= set(lists(first, "access-control-allow-headers"))):
        return "refused"
    second, body = ask(method, headers)
    return body if shares(second) else "hidden"


@case
def a_client_that_follows_the_standard_gets_through():
    json_type = {"content-type": "application/json"}
    with Backend(reply(200, "read")) as backend, \
            Gateway([api("a", backend, policies=[GROUPS])]) as gateway:
        equal(fetch(gateway.port, SHOP, "PUT", json_type), "read")
        equal(fetch(gateway.port, "https://evil.example", "PUT", json_type), "refused")
        equal(fetch(gateway.port, SHOP, "DELETE", json_type), "refused")
        equal(fetch(gateway.port, SHOP, "PUT", {"x-other": "1"}), "refused")
        equal([r.method for r in backend.requests], ["PUT"])


main()
