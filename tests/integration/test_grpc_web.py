#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gRPC-Web: calls of browsers, by HTTP/1.1 and HTTP/2, reach a gRPC service and bring its status back."""
import base64

from harness import *

WEB, TEXT = "application/grpc-web+proto", "application/grpc-web-text"
POLICY = {"policyRef": {"name": "grpc-web"}}


def frame(content, flags=0):
    return bytes([flags]) + len(content).to_bytes(4, "big") + content


def trailers(status):
    return frame(f"grpc-status: {status}\r\n".encode(), 0x80)


def web(origin, *policies):
    return Gateway([api("a", origin, policies=[*policies, POLICY])])


def post(gateway, path, kind, body, headers=()):
    """By HTTP/1.1: the answer, its content in binary whatever its form."""
    if kind.startswith(TEXT):
        body = base64.b64encode(body)
    answer = gateway.request("POST", path, {"content-type": kind, "x-grpc-web": "1", **dict(headers)}, body)
    if answer.get("content-type", "").startswith(TEXT):
        answer.body = decoded(answer.body)
    return answer


def decoded(text):
    """Groups of four, of which any may end with padding."""
    equal(len(text) % 4, 0, text)
    return b"".join(base64.b64decode(text[i:i + 4], validate=True) for i in range(0, len(text), 4))


@case
def the_service_gets_a_call_of_grpc():
    message = frame(b"hello \x00\xff")
    with H2Origin() as origin, web(origin) as gateway:
        for kind, sent in ((WEB, "application/grpc+proto"), (TEXT, "application/grpc")):
            with rows(kind):
                got = post(gateway, "/echo", kind, message).json()
                equal((got["headers"]["content-type"], got["headers"]["te"],
                       got["headers"]["x-grpc-web"], got["body"]),
                      (sent, "trailers", "1", message.decode("latin1")))


@case
def trailers_are_the_last_frame_of_the_content():
    ok = frame(b"ok")
    with H2Origin() as origin, web(origin) as gateway, H2Client(gateway.port) as client:
        for kind, answered in ((WEB, "application/grpc-web"), (TEXT, TEXT)):
            with rows(kind):
                answer = post(gateway, "/call/5", kind, frame(b""))
                equal((answer.status, answer.get("content-type"), answer.body),
                      (200, answered, ok + trailers(5)))
                body = frame(b"") if kind == WEB else base64.b64encode(frame(b""))
                answer = client.ask("/call/5", {"content-type": kind}, body.decode("latin1"), "POST")
                content = answer["body"].encode("latin1")
                equal((answer["headers"]["content-type"], answer["code"],
                       content if kind == WEB else decoded(content)),
                      (answered, 0, ok + trailers(5)))
        equal([r["grpcStatus"] for r in gateway.records(4)], ["5"] * 4)


@case
def a_call_without_a_message_has_its_status_in_the_head():
    with H2Origin() as origin, web(origin) as gateway:
        for kind, answered in ((WEB, "application/grpc-web"), (TEXT, TEXT)):
            answer = post(gateway, "/refuse-call/9", kind, frame(b""))
            equal((answer.status, answer.get("content-type"), answer.get("grpc-status"), answer.body),
                  (200, answered, "9", b""))


@case
def each_message_of_a_stream_arrives_at_once():
    """The service sends the next only when the client has the one before."""
    with H2Origin() as origin, web(origin) as gateway:
        for kind in (WEB, TEXT):
            with rows(kind), gateway.client() as client:
                path = f"/turns/{kind.count('text')}"
                client.send(f"POST {path} HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\n"
                            "content-length: 0\r\n\r\n")
                client.read_head()
                for i in range(4):
                    equal(chunk(client, kind), frame(b"m%d" % i))
                    equal(gateway.get("/turn" + path[6:]).status, 200)
                equal(chunk(client, kind), trailers(0))
                equal(client.reader.until(b"\r\n")[:1], b"0")


def chunk(client, kind):
    size = int(client.reader.until(b"\r\n"), 16)
    content = client.reader.exactly(size)
    client.reader.exactly(2)
    return decoded(content) if kind == TEXT else content


@case
def refused_calls_are_told_in_the_clients_form():
    blocked = {"policyRef": {"name": "access-block"}}
    down = f"h2://127.0.0.1:{free_port()}"
    for documents, status, reason in (
            ([api("a", down, policies=[POLICY])], "14", "upstream_refused"),
            ([api("a", down, policies=[POLICY, blocked])], "7", "access_blocked"),
            ([api("a", down, policies=[blocked, POLICY])], "7", "access_blocked")):
        with Gateway(documents) as gateway:
            for kind in (WEB, TEXT):
                with rows(f"{reason} {kind}"):
                    answer = post(gateway, "/x", kind, frame(b""))
                    equal((answer.status, answer.get("content-type"), answer.get("grpc-status"),
                           answer.body), (200, kind, status, b""))
            equal([r["reason"] for r in gateway.records(2)], [reason] * 2)


@case
def text_that_is_none_is_refused():
    with H2Origin() as origin, web(origin) as gateway:
        for chunked in (False, True):
            answer = gateway.request("POST", "/echo", {"content-type": TEXT}, b"AAAA*AAA", chunked=chunked)
            equal((answer.status, answer.get("content-type"), answer.get("grpc-status"),
                   answer.get("grpc-message")), (200, TEXT, "13", "The call is no base64"))
        equal([r["reason"] for r in gateway.records(2)], ["grpc_web_no_base64"] * 2)
        equal(post(gateway, "/call/0", TEXT, frame(b"")).status, 200)


@case
def a_browser_may_read_what_cors_exposes():
    origins = {"origins": ["https://shop.example"], "headers": ["content-type", "x-grpc-web"],
               "exposedHeaders": ["grpc-status", "grpc-message"],
               "allowedMethods": [{"methodName": "POST"}]}
    cors = {"policyRef": {"name": "cors"},
            "config": {"publicResource": False, "originGroups": [origins]}}
    with H2Origin() as origin, web(origin, cors) as gateway:
        asked = gateway.request("OPTIONS", "/call/0", {
            "origin": "https://shop.example", "access-control-request-method": "POST",
            "access-control-request-headers": "content-type,x-grpc-web"})
        equal((asked.status, asked.get("access-control-allow-origin")), (200, "https://shop.example"))
        answer = post(gateway, "/refuse-call/5", WEB, frame(b""), {"origin": "https://shop.example"})
        equal((answer.get("access-control-expose-headers"), answer.get("grpc-status")),
              ("grpc-status, grpc-message", "5"))


@case
def what_breaks_off_between_messages_has_a_status():
    """The request ends when the answer has begun, and with that the service breaks off."""
    broken = frame(b"grpc-status: 14\r\ngrpc-message: the upstream closed the connection\r\n", 0x80)
    with H2Origin() as origin, web(origin) as gateway:
        for kind in (WEB, TEXT):
            with rows(kind), gateway.client() as client:
                client.send(f"POST /broken-call HTTP/1.1\r\nhost: a\r\ncontent-type: {kind}\r\n"
                            "transfer-encoding: chunked\r\n\r\n8\r\nAAAAAAAA\r\n")
                client.read_head()
                equal(chunk(client, kind), frame(b"ok"))
                client.send("0\r\n\r\n")
                equal(chunk(client, kind), broken)
                equal(client.reader.until(b"\r\n")[:1], b"0")


@case
def a_refusal_during_the_request_is_told_in_the_clients_form():
    """By then the request has been translated."""
    with H2Origin() as origin, Gateway([api("a", origin, policies=[POLICY]), configuration(
            "c", {"limits": {"requestBodyBytes": 10}})]) as gateway:
        for kind in (WEB, TEXT):
            with rows(kind):
                answer = gateway.request("POST", "/x", {"content-type": kind}, b"A" * 40, chunked=True)
                equal((answer.status, answer.get("content-type"), bool(answer.get("grpc-status")),
                       answer.body), (200, kind, True, b""))


@case
def what_breaks_off_is_not_whole():
    with H2Origin() as origin, web(origin) as gateway:
        try:
            answer = post(gateway, "/cut-call", WEB, frame(b""))
        except (Closed, ConnectionError):
            return
        check(b"\x80" not in answer.body, "a cut answer was given trailers")
        check(answer.get("grpc-status"), "a cut answer was taken for a whole one")


main()
