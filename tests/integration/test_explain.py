#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sluice explain says of a request what the gateway then does with it."""
import json

from harness import *
from harness.gateway import PLUGINS


def documents(backend):
    """One API for each thing that a configuration can decide."""
    port = free_port()

    def at(name, **more):
        return api(name, backend, port=port, base=f"/{name}", **more)

    shop = at("shop", routes=[
        {"rules": [{"path": "/admin(/.*)", "methods": "POST|PUT"}], "config": {"destinationPath": "/a"}},
        {"rules": [{"path": "/items(/.*)"}], "config": {"destinationPath": "/v2"}},
        {"rules": [{"path": "/beta", "headers": {"x-beta": "on"}}]},
        {"rules": [{"path": r"/join/a(\.)b(\.)"}]},
        {"rules": [{"path": "/slow/((x+x+)+y|z)"}]}], policies=[
        {"policyRef": {"name": "ip-allowlist"}, "config": {"ips": ["127.0.0.1"]}},
        {"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ["127.0.0.1"]},
         "rules": [{"path": "/shut"}, {"path": "/items/shut", "methods": "GET"}]}])
    shop["spec"]["errors"] = {"404": {"json": '{"own": "{reason}"}'}}
    small = at("small")
    small["spec"]["limits"] = {"requestBodyBytes": 10}
    moved = at("moved")
    moved["spec"]["redirect"] = {"scheme": "https", "port": 8443, "status": 307}
    return port, [shop, small, moved, at("broken", policies=[{"policyRef": {"name": "no-such"}}]),
                  at("blocked", policies=[{"policyRef": {"name": "access-block"}}]),
                  configuration("c", {"errors": {"503": {"text": "common {reason}"}}})]


# method, path, headers, body: the reason
REQUESTS = [
    ("GET", "/shop/items/7?a=b", {}, None, "ok"),
    ("POST", "/shop/admin/x", {}, b"x", "ok"),
    ("GET", "/shop/beta", {"x-beta": "on"}, None, "ok"),
    ("GET", "/shop/beta", {}, None, "no_route"),
    ("GET", "/shop/admin/x", {}, None, "method_not_allowed"),
    ("GET", "/shop", {}, None, "no_route"),
    ("GET", "/shop/join/a.b.", {}, None, "rewrite_failed"),
    ("GET", "/shop/slow/" + 60 * "x", {}, None, "rule_limit"),
    ("GET", "/shop/a%2Fb", {}, None, "bad_request"),
    ("GET", "/shopping", {}, None, "no_api"),
    ("GET", "/", {}, None, "no_api"),
    ("GET", "/small", {}, None, "ok"),
    ("POST", "/small/x", {}, b"01234567890", "body_too_large"),
    ("GET", "/moved/x/../y?q=1", {}, None, "redirected"),
    ("GET", "/broken/x", {}, None, "api_unavailable"),
    ("GET", "/blocked/x", {}, None, "access_blocked"),
]


def explain(gateway, method, url, headers=None, *more):
    options = [o for name, value in (headers or {}).items() for o in ("--header", f"{name}: {value}")]
    return sluice("explain", gateway.config, "--plugins", PLUGINS, "--request", f"{method} {url}",
                  *options, *more)


def predicted(gateway, method, url, headers):
    done = explain(gateway, method, url, headers, "--json")
    equal(done.returncode, 0, done.stderr)
    return json.loads(done.stdout)


def event(story, name):
    return next((e for e in story["events"] if e["event"] == name), {})


def compare(told, story, answer):
    record = story["record"]
    equal(told["reason"], record["reason"])
    equal(told.get("api"), record.get("api"))
    equal(told.get("service"), record.get("service"))
    if "status" in told:
        equal(told["status"], answer.status)
    route = event(story, "route")
    equal((told["runs"], told["skips"]), (route.get("runs", []), route.get("skips", [])))
    taken = [r["route"] for r in event(story, "select").get("routes", []) if r["verdict"] == "taken"]
    if record["reason"] not in ("rewrite_failed", "rule_limit"):
        equal([told["route"]] if "route" in told else [], taken)
    if "upstream" in told:
        contains(told["upstream"], event(story, "select")["path"])
    equal(told.get("location"), answer.get("location"))
    equal(told.get("allowed"), answer.get("allow"))
    text = answer.text()
    equal(told["errorPage"], "own" in text or "common" in text)


@case
def it_agrees_with_the_gateway_about_every_reason():
    with Backend(reply(200, "x")) as backend:
        port, folder = documents(backend)
        with Gateway(folder) as gateway, Stories(gateway, len(REQUESTS)) as stories:
            for method, target, headers, body, reason in REQUESTS:
                with rows(f"{method} {target}"):
                    answer = gateway.request(method, target, headers, body, port=port)
                    length = {"content-length": str(len(body))} if body else {}
                    told = predicted(gateway, method, f"http://127.0.0.1:{port}{target}",
                                     {**headers, **length})
                    equal(told["reason"], reason)
                    compare(told, stories.next(), answer)


@case
def no_value_of_a_query_is_shown_where_a_policy_may_call_it_secret():
    with Backend(reply(200, "x")) as backend:
        port, folder = documents(backend)
        with Gateway(folder) as gateway:
            for path in ("/shop/items/7", "/shop/beta", "/broken/x", "/nobody"):
                for how in ((), ("--json",)):
                    told = explain(gateway, "GET", f"http://127.0.0.1:{port}{path}?a&k=canary-4711",
                                   None, *how).stdout
                    check("canary" not in told, "it is not shown")
            contains(explain(gateway, "GET", f"http://127.0.0.1:{port}/shop/items/7?k=1").stdout,
                     "/v2/7?k=*")
            contains(explain(gateway, "GET", f"http://127.0.0.1:{port}/small?k=1").stdout, "/small?k=1")


@case
def a_policy_may_answer_before():
    with Backend(reply(200, "x")) as backend:
        port, folder = documents(backend)
        with Gateway(folder) as gateway:
            url = f"http://127.0.0.1:{port}"
            for target, runs in (("/shop/shut", "ip-blocklist"), ("/shop/items/shut", "ip-blocklist")):
                told = predicted(gateway, "GET", url + target, {})
                check(told["policiesMayAnswer"], "it says so")
                contains(str(told["runs"]), runs)
            equal(gateway.get("/shop/items/shut", port=port).status, 403)
            check(not predicted(gateway, "GET", url + "/small", {})["policiesMayAnswer"], "none is there")


@case
def it_reads_well():
    with Backend(reply(200, "x")) as backend:
        port, folder = documents(backend)
        with Gateway(folder) as gateway:
            url = f"http://127.0.0.1:{port}"
            table = [("/shop/items/7", ["API default/shop at", "runs   ip-allowlist",
                                        "skips  ip-blocklist", "takes route shop-up[1]", "/v2/7"]),
                     ("/shop/none", ["answers 404 no_route, unless a policy answers before",
                                     "worded as an error page says  "]),
                     ("/moved/x", ["answers 307 redirected to https://127.0.0.1:8443/moved/x"]),
                     ("/broken", ["answers 503 api_unavailable"]),
                     ("/blocked", ["answers 403 access_blocked"]), ("/none", ["answers 404 no_api"])]
            for target, parts in table:
                with rows(target):
                    done = explain(gateway, "GET", url + target)
                    for part in parts:
                        contains(done.stdout, part)


@case
def what_cannot_be_asked_is_refused():
    with Backend(reply(200, "x")) as backend:
        port, folder = documents(backend)
        with Gateway(folder) as gateway:
            table = [("GET", f"http://127.0.0.1:{free_port()}/x", "nothing listens on port"),
                     ("GET", f"https://127.0.0.1:{port}/x", "speaks http alone"),
                     ("GET", "/shop/items/7", "without --api")]
            for method, url, text in table:
                with rows(url):
                    done = explain(gateway, method, url)
                    equal((done.returncode, done.stdout), (2, ""))
                    contains(done.stderr, text)
            done = sluice("explain", gateway.config, "--plugins", PLUGINS)
            equal(done.returncode, 2)
            contains(done.stderr, "--api NAME is missing")


main()
