#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Header fields that belong to one hop, to the gateway, or to nobody."""
from harness import *


def seen(headers, raw=None):
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        answer = gateway.get("/", headers)
        return answer, backend.requests[-1] if backend.requests else None


@case
def removes_hop_by_hop_fields_in_both_directions():
    hop = {"keep-alive": "timeout=5", "proxy-connection": "keep-alive", "te": "gzip",
           "x-mine": "1"}
    answer = reply(200, "x", {**hop, "connection": "x-mine"})
    with Backend(answer) as backend, Gateway([api("a", backend)]) as gateway:
        got = gateway.get("/", {**hop, "connection": "x-mine, keep-alive"})
        for where, message in (("request", backend.requests[0]), ("response", got)):
            for name in ("keep-alive", "proxy-connection", "te", "x-mine"):
                with rows(f"{where}: {name}"):
                    check(not message.has(name), f"passed on: {message.get(name)}")
        one_of((backend.requests[0].get("connection") or "").lower(), ("", "keep-alive"))


@case
def refuses_to_let_connection_name_what_others_rely_on():  # HD1
    for name in ("authorization", "cookie", "host", "x-forwarded-for"):
        with rows(name):
            answer, request = seen({"connection": name, "authorization": "Basic eA=="})
            equal((answer.status, request), (400, None))


@case
def sets_forwarding_fields_and_believes_nobody():  # HD2
    answer, request = seen({"x-forwarded-for": "6.6.6.6", "x-forwarded-proto": "https",
                            "x-forwarded-host": "evil", "forwarded": "for=6.6.6.6",
                            "x-real-ip": "6.6.6.6"})
    equal(answer.status, 200)
    equal(request.get("x-forwarded-for"), "127.0.0.1")
    equal(request.get("x-forwarded-proto"), "http")
    for name, value in request.fields:
        with rows(name):
            check("6.6.6.6" not in value and "evil" not in value, f"believed {name}: {value}")


@case
def gives_every_answer_a_request_id_of_its_own():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        answers = [gateway.get("/", {"x-request-id": "mine"}) for _ in range(3)]
        ids = [a.get("x-request-id") for a in answers]
        equal(len(set(ids)), 3)
        check("mine" not in ids, "the client's id was believed")
        equal([r.get("x-request-id") for r in backend.requests], ids)
        equal([r["requestId"] for r in gateway.records(3)], ids)


@case
def refuses_second_values_of_single_fields():  # HD4
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for name in ("authorization", "content-type", "origin"):
            with rows(name):
                answer = gateway.request("GET", "/", [(name, "a"), (name, "b")])
                equal(answer.status, 400)
        equal(backend.requests, [])


@case
def keeps_order_and_every_value_of_other_fields():
    fields = [("x-a", "1"), ("x-b", "2"), ("x-a", "3"), ("cookie", "a=b"), ("x-empty", ""),
              ("x-utf8", "\u00c3\u00a9")]
    answer, request = seen(fields)
    equal(answer.status, 200)
    equal([f for f in request.fields if f[0].startswith("x-") and f[0] in dict(fields)],
          [f for f in fields if f[0] != "cookie"])
    equal(request.get("cookie"), "a=b")


@case
def passes_many_set_cookies():
    answer = b"HTTP/1.1 200 OK\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n"
    with Backend(answer) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/").all("set-cookie"), ["a=1", "b=2"])


@case
def never_forwards_what_a_log_line_could_be_forged_with():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        gateway.get('/a"b%22?q="\'', {"user-agent": 'x"} {"time": 0'})
        record = gateway.records(1)[0]
        equal(len(gateway.records_now()), 1)
        check(isinstance(record["path"], str), "a record is one JSON object")


main()
