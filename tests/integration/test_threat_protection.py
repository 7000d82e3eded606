#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the policies of the stage `validate` refuse never reaches the upstream, not in part."""
from harness import *


def policy(name, config=None, **more):
    return {"policyRef": {"name": name}, "config": config or {}, **more}


JSON = {"content-type": "application/json"}


@case
def json_beyond_a_limit_never_reaches_the_upstream():
    guard = policy("json-threat-protection-flex", {"maxContainerDepth": 3,
                                                   "maxStringValueLength": 10})
    table = [("good", '{"a":[1,{"b":"x"}]}', 200), ("too deep", "[[[[]]]]", 400),
             ("long string", '["01234567890"]', 400), ("cut", '{"a":', 400),
             ("trailing", "{} {}", 400), ("empty", "", 200)]
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[guard])]) as gateway:
        for name, body, status in table:
            with rows(name):
                answer = gateway.request("POST", "/", JSON, body)
                equal(answer.status, status)
                if status == 200:
                    equal(answer.text(), body)
                else:
                    contains(answer.get("content-type"), "application/json")
                    check("error" in answer.json(), "a JSON error")
        equal(len(backend.requests), 2)
        record = gateway.records(6)[1]
        equal((record["status"], record["reason"]), (400, "json_threat"))
        contains(gateway.admin("GET", "/metrics").text(), "sluice_policy_json_threats_total")


@case
def bytes_of_a_json_body_wait_for_its_last():
    """Even a slow client's good beginning goes nowhere before the verdict."""
    guard = policy("json-threat-protection", {})
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[guard])]) as gateway, \
            gateway.client() as client:
        body = '{"a":"' + "x" * 100000 + '"'
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                    f"content-length: {len(body) + 1}\r\n\r\n" + body)
        client.send("]")
        equal(client.read("POST").status, 400)
        equal((backend.requests, backend.connections), ([], []))


@case
def a_large_body_of_another_kind_passes_unheld():
    guard = policy("json-threat-protection", {})
    body = "z" * (3 << 20)
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[guard])]) as gateway:
        answer = gateway.request("PUT", "/", {"content-type": "application/octet-stream"}, body)
        equal((answer.status, len(answer.body)), (200, len(body)))
        equal(gateway.request("PUT", "/", JSON, body).status, 413)
        equal(len(backend.requests), 1)


@case
def xml_with_a_doctype_never_reaches_the_upstream():
    guard = policy("xml-threat-protection", {"maxNodeDepth": 3})
    laughs = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><l>&b;</l>'
    table = [("good", "<a><b><c>x</c></b></a>", 200, None),
             ("too deep", "<a><b><c><d/></c></b></a>", 400, "xml_threat"),
             ("entities", laughs, 400, "xml_doctype"), ("cut", "<a><b>", 400, "xml_invalid")]
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[guard])]) as gateway:
        for name, body, status, _ in table:
            with rows(name):
                answer = gateway.request("POST", "/", {"content-type": "text/xml"}, body)
                equal(answer.status, status)
        equal([r.body for r in backend.requests], [table[0][1].encode()])
        equal([r["reason"] for r in gateway.records(4)[1:]], [row[3] for row in table[1:]])


@case
def injections_are_blocked_wherever_they_stand():
    guard = policy("injection-protection-flex", {
        "customProtections": [{"name": "traversal", "regex": r"\.\./"}]})
    form = {"content-type": "application/x-www-form-urlencoded"}
    table = [
        ("GET", "/?name=O%27Brien&q=select+a+seat", {"x-note": "it's 5' or 6' tall"}, None, None),
        ("GET", "/?q=1+or+1%3D1--", {}, None, "injection_sql"),
        ("GET", "/", {"x-note": "<img src=x onerror=alert(1)>"}, None, "injection_xss"),
        ("POST", "/", JSON, '{"text":"\\u003cscript>"}', "injection_xss"),
        ("POST", "/", JSON, '{"text":"# Title\\n**a** < b -- c"}', None),
        ("POST", "/", form, "q=%27%3B+drop+table+users--", "injection_sql"),
        ("POST", "/", form, "file=..%2F..%2Fetc", "injection_custom")]
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[guard])]) as gateway:
        for method, target, headers, body, reason in table:
            with rows(f"{method} {target} {body}"):
                answer = gateway.request(method, target, headers, body)
                equal(answer.status, 400 if reason else 200)
                equal(answer.get("x-injection-protection"), "blocked" if reason else None)
        equal(len(backend.requests), len([row for row in table if not row[4]]))
        equal([r["reason"] for r in gateway.records(len(table)) if r["status"] == 400],
              [row[4] for row in table if row[4]])
        check("onerror" not in gateway.error_text(), "a value is in the log")
        gateway.says("custom injection in the body: traversal")


@case
def what_is_not_rejected_is_logged():
    guard = policy("injection-protection", {"rejectRequests": False})
    with Backend(echo) as backend, Gateway([api("a", backend, policies=[guard])]) as gateway:
        equal(gateway.get("/?q=%27+or+1%3D1--").status, 200)
        equal(len(backend.requests), 1)
        gateway.says("sql injection in the query: tautology")


main()
