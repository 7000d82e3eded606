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


main()
