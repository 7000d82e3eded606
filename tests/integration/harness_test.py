#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The harness against itself: its clients talk to its backends, without a gateway."""
import socket
import ssl

from harness import *
from harness.documents import port_of, to_yaml
from harness.wire import Malformed


@case
def echoes_a_body_and_records_the_bytes():
    with Backend() as backend, Client(backend.port) as client:
        answer = client.request("POST", "/a?b=c", {"x-k": "v"}, body="hello")
        equal((answer.status, answer.body), (200, b"hello"))
        equal(answer.get("x-target"), "/a?b=c")
        equal(backend.requests[0].get("x-k"), "v")
        contains(backend.connections[0].raw, b"\r\ncontent-length: 5\r\n\r\nhello")


@case
def reads_chunks_and_trailers():
    with Backend() as backend, Client(backend.port) as client:
        client.send("POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
                    "3\r\nabc\r\n2\r\nde\r\n0\r\nx-sum: 5\r\n\r\n")
        equal(client.read().body, b"abcde")
        equal(backend.requests[0].trailers, [("x-sum", "5")])


@case
def keeps_interim_responses():
    answer = b"HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" + reply(200, "x")
    with Backend(answer) as backend, Client(backend.port) as client:
        got = client.get("/")
        equal([i.status for i in got.interim], [103])
        equal(got.body, b"x")


@case
def sees_a_cut_body():
    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
    with Backend(script) as backend, Client(backend.port) as client:
        try:
            client.get("/")
        except Closed:
            return
        raise AssertionError("took a cut body for a whole one")


@case
def tells_a_reset_from_silence():
    def script(connection):
        connection.read_request()
        connection.reset()
    with Backend(script) as backend, Client(backend.port) as client:
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        check(client.is_closed(), "a reset connection must count as closed")
    with Backend(lambda c: c.pause(2)) as backend, Client(backend.port, timeout=0.1) as client:
        try:
            client.is_closed(0.1)
        except TimedOut:
            return
        raise AssertionError("took silence for an end")


@case
def reports_what_no_gateway_may_send():
    bad = [b"GET /a b HTTP/1.1\r\nhost: h\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
           b"GET / HTTP/1.1\r\nhost: h\r\nhost: h\r\n\r\n",
           b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
           b"GET / HTTP/1.1\r\nhost: h\r\na : b\r\n\r\n", b"GET / HTTP/1.0\r\nhost: h\r\n\r\n"]
    for raw in bad:
        try:
            parse_requests(raw)
        except Malformed:
            continue
        raise AssertionError(f"took {raw!r}")
    backend = Backend()
    with Client(backend.port) as client:
        client.send(bad[2])
        check(client.is_closed(), "a bad request must end the connection")
    check(backend.problems, "the problem must be kept")


@case
def splits_recorded_streams():
    raw = b"POST /a HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nhiGET /b HTTP/1.1\r\nhost: h\r\n\r\n"
    equal([(r.method, r.target, r.body) for r in parse_requests(raw)],
          [("POST", "/a", b"hi"), ("GET", "/b", b"")])


@case
def speaks_tls_and_refuses_a_wrong_name():
    ca = Authority()
    tls = ca.server_tls(ca.issue("good.test"))
    backend = Backend(tls=tls)
    with Client(backend.port, tls=ca.client_tls(), server_name="good.test") as client:
        equal(client.get("/").status, 200)
    try:
        Client(backend.port, tls=ca.client_tls(), server_name="bad.test")
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("took a certificate for another name")


@case
def listens_on_unix_sockets_and_ipv6():
    path = scratch("unix") + "/s"
    with Backend(unix=path), Client(path) as client:
        equal(client.get("/").status, 200)
    if socket.has_ipv6:
        with Backend(host="::1") as backend, Client(("::1", backend.port)) as client:
            equal(client.get("/").status, 200)


@case
def gives_each_port_once():
    ports = [free_port() for _ in range(50)]
    equal(len(set(ports)), 50)


@case
def writes_documents_as_yaml():
    doc = api("a", "http://127.0.0.1:1", base="/v1", labels={"tier": "x"})
    check(doc["spec"]["address"].endswith(f":{port_of(doc)}/v1"), "address and port must agree")
    contains(to_yaml([doc, binding("b", "p", {"k": 1}, target="a", order=3)]), "---\n")


main()
