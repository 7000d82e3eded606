#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests whose end or meaning two parsers could see differently never reach an upstream.

Each row goes to a gateway in front of a backend that records raw bytes. It must be refused with one
of the given statuses and the connection closed, and the backend must have seen nothing; rows that
are legal must arrive as exactly one canonical request. After every row a request on another
connection must get its own answer.
"""
from harness import *
from harness.wire import Reader, Bytes, read_response

GET = "GET / HTTP/1.1\r\nhost: h\r\n"
POST = "POST / HTTP/1.1\r\nhost: h\r\n"
SMUGGLED = "GET /smuggled HTTP/1.1\r\nhost: h\r\n\r\n"
BAD = (400,)


def chunked(chunks, more=""):
    return f"{POST}transfer-encoding: chunked\r\n{more}\r\n{chunks}"


def first_answer(raw):
    return read_response(Reader(Bytes(raw), 1))


def refused(table):
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for name, raw, statuses in table:
            with rows(name):
                seen = len(backend.requests)
                answered = gateway.send_raw(raw, timeout=4)
                answer = first_answer(answered)
                one_of(answer.status, statuses)
                equal(answered.count(b"HTTP/1.1 "), 1, "answers")
                equal([r.target for r in backend.requests[seen:]], [], "the backend saw")
            with rows(f"{name}: the next client"):
                equal(gateway.get("/mine").get("x-target"), "/mine")
        check(not any(r.target == "/smuggled" for r in backend.requests), "smuggled")


def taken(table):
    """Rows of (name, raw, targets that the backend must see)."""
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for name, raw, targets in table:
            with rows(name):
                seen = len(backend.requests)
                with gateway.client() as client:
                    client.send(raw)
                    for _ in targets:
                        equal(client.read().status, 200)
                equal([r.target for r in backend.requests[seen:]], targets)
        for connection in backend.connections:
            parse_requests(connection.raw)


@case
def refuses_length_with_chunks():  # SM1
    refused([
        ("CL.TE", f"{POST}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nG", BAD),
        ("TE.CL", f"{POST}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\n", BAD),
        ("CL.TE upper case", f"{POST}CONTENT-LENGTH: 6\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\nG",
         BAD),
        ("CL 0 and TE", f"{POST}content-length: 0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", BAD),
    ])


@case
def refuses_more_than_one_length():  # SM2
    refused([
        ("equal", f"{POST}content-length: 2\r\ncontent-length: 2\r\n\r\nhi", BAD),
        ("differing", f"{POST}content-length: 2\r\ncontent-length: 3\r\n\r\nhi", BAD),
        ("list", f"{POST}content-length: 2, 2\r\n\r\nhi", BAD),
        ("list, one line each", f"{POST}content-length: 2,\r\n\r\nhi", BAD),
    ])


@case
def refuses_lengths_that_are_no_numbers():  # SM3
    values = ["+2", "0x2", "", "-0", "-1", "1 2", "2 ,", "18446744073709551618",
              "9223372036854775808", "0" * 30 + "2", "1_0", "2.0", "two", "\u00b2".encode("latin-1")]
    table = []
    for v in values:
        raw = v if isinstance(v, bytes) else v.encode()
        table.append((f"content-length {raw!r}",
                      POST.encode() + b"content-length: " + raw + b"\r\n\r\nhi", BAD))
    refused(table)


@case
def refuses_disguised_framing_fields():  # SM4, SM7
    refused([
        ("space before the colon of CL", f"{POST}content-length : 2\r\n\r\nhi", BAD),
        ("tab before the colon of TE", f"{POST}transfer-encoding\t: chunked\r\n\r\n0\r\n\r\n", BAD),
        ("folded CL", f"{POST}content-length:\r\n 2\r\n\r\nhi", BAD),
        ("folded TE", f"{POST}transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n", BAD),
        ("CL in the fold of another field", f"{POST}x: a\r\n content-length: 2\r\n\r\nhi", BAD),
        ("CL in the fold of host", "POST / HTTP/1.1\r\nhost: h\r\n content-length: 5\r\n\r\nhello",
         BAD),
        ("tab fold", f"{POST}x: a\r\n\tb\r\n\r\n", BAD),
        ("content_length", f"{POST}content_length: 2\r\n\r\n", BAD),
        ("transfer_encoding", f"{POST}transfer_encoding: chunked\r\n\r\n", BAD),
        ("connection with _", f"{GET}proxy_connection: x\r\n\r\n", BAD),
    ])


@case
def keeps_other_names_with_underscores():  # SM7
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/", {"client_id": "c1"}).status, 200)
        equal(backend.requests[0].get("client_id"), "c1")


@case
def refuses_codings_other_than_chunked():  # SM5
    def with_coding(value):
        raw = value if isinstance(value, bytes) else value.encode()
        return POST.encode() + b"transfer-encoding: " + raw + b"\r\n\r\n0\r\n\r\n"
    refused([(f"TE {v!r}", with_coding(v), (400, 501)) for v in (
        "xchunked", "chunked, identity", "identity", "gzip, chunked", "gzip", "chunked, chunked",
        b"\x0bchunked", ",chunked", "chunked,", "chunked\x00", "chun\u212aed".encode(),
        "chunked;x=1", "chunked ,", '"chunked"', "")]
        + [("twice", f"{POST}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            BAD),
           ("twice, differing",
            f"{POST}transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
            (400, 501))])


@case
def refuses_chunks_in_http_1_0():  # SM6
    refused([("TE in 1.0", "POST / HTTP/1.0\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n"
              "0\r\n\r\n" + SMUGGLED, BAD)])


@case
def frames_bodies_of_every_method():  # SM8
    taken([(f"{m} with a body",
            f"{m} /body HTTP/1.1\r\nhost: h\r\ncontent-length: {len(SMUGGLED)}\r\n\r\n{SMUGGLED}",
            ["/body"]) for m in ("GET", "OPTIONS", "DELETE", "PATCH")])


@case
def refuses_malformed_chunk_sizes():  # SM12
    refused([(f"size {size!r}", chunked(f"{size}\r\na\r\n0\r\n\r\n"), BAD)
             for size in ("0x1", "+1", "-1", "1_0", "1 ", " 1", "1\t", "", "g", "1" * 17,
                          "fffffffffffffffff", "10000000000000001", "1,", "1\x00")])


@case
def refuses_wrong_ends_of_chunk_lines():  # SM13, SM15
    refused([
        ("size line ends with LF", chunked("1\na\r\n0\r\n\r\n"), BAD),
        ("size line ends with CR", chunked("1\ra\r\n0\r\n\r\n"), BAD),
        ("size line ends with CR X", chunked("1\rXa\r\n0\r\n\r\n"), BAD),
        ("data ends with LF", chunked("1\r\na\n0\r\n\r\n"), BAD),
        ("data longer than its size", chunked("1\r\nab\r\n0\r\n\r\n"), BAD),
        ("data without CRLF", chunked("1\r\na0\r\n\r\n"), BAD),
        ("junk for CRLF", chunked("1\r\naXX0\r\n\r\n"), BAD),
        ("last chunk ends with LF", chunked("0\n\n"), BAD),
        ("end with LF", chunked("0\r\n\n"), BAD),
    ])


@case
def refuses_bad_chunk_extensions_and_ignores_good_ones():  # SM14
    refused([
        ("LF in an extension", chunked("1;a\nb\r\na\r\n0\r\n\r\n"), BAD),
        ("CR in an extension", chunked("1;a\rb\r\na\r\n0\r\n\r\n"), BAD),
        ("NUL in an extension", chunked("1;a\0b\r\na\r\n0\r\n\r\n"), BAD),
        ("quote without end", chunked('1;a="b\r\na\r\n0\r\n\r\n'), BAD),
        ("too long", chunked("1;" + "a" * 5000 + "\r\na\r\n0\r\n\r\n"), BAD),
        ("too long in sum", chunked(("1;" + "a" * 100 + "\r\na\r\n") * 60 + "0\r\n\r\n"), BAD),
    ])
    taken([("legal extension", chunked('1;a=b;c="d"\r\na\r\n0;e\r\n\r\n'), ["/"])])


@case
def refuses_bytes_that_no_head_has():  # SM17, SM18
    def with_line(line):
        return GET.encode() + line + b"\r\n\r\n"
    refused([
        ("CR in a value", with_line(b"x: a\rb"), BAD), ("NUL in a value", with_line(b"x: a\0b"), BAD),
        ("LF line", b"GET / HTTP/1.1\r\nhost: h\nx: y\r\n\r\n", BAD),
        ("LF head", b"GET / HTTP/1.1\nhost: h\n\n", BAD),
        ("control byte", with_line(b"x: a\x01b"), BAD), ("DEL", with_line(b"x: a\x7fb"), BAD),
        ("vertical tab", with_line(b"x: a\x0bb"), BAD),
        ("space in a name", with_line(b"x y: a"), BAD), ("empty name", with_line(b": a"), BAD),
        ("no colon", with_line(b"foo"), BAD), ("leading space", with_line(b" x: a"), BAD),
        ("tab as a name", with_line(b"\t: a"), BAD), ("byte 128 in a name", with_line(b"\x80: a"), BAD),
        ("quote in a name", with_line(b'"x": a'), BAD), ("CRLF LF end", GET.encode() + b"\n", BAD),
        ("space after the request line", b"GET / HTTP/1.1\r\n host: h\r\n\r\n", BAD),
        ("CR LF CR X end", GET.encode() + b"\rX", BAD),
    ])


@case
def refuses_doubtful_hosts():  # SM19
    refused([
        ("none", "GET / HTTP/1.1\r\n\r\n", BAD),
        ("two", "GET / HTTP/1.1\r\nhost: h\r\nhost: h\r\n\r\n", BAD),
        ("two, differing", "GET / HTTP/1.1\r\nhost: h\r\nhost: i\r\n\r\n", BAD),
        ("list", "GET / HTTP/1.1\r\nhost: a, b\r\n\r\n", BAD),
        ("empty", "GET / HTTP/1.1\r\nhost:\r\n\r\n", BAD),
        ("userinfo", "GET / HTTP/1.1\r\nhost: u@h\r\n\r\n", BAD),
        ("bad port", "GET / HTTP/1.1\r\nhost: h:99999\r\n\r\n", BAD),
        ("port with letters", "GET / HTTP/1.1\r\nhost: h:8a\r\n\r\n", BAD),
        ("space", "GET / HTTP/1.1\r\nhost: a b\r\n\r\n", BAD),
        ("path", "GET / HTTP/1.1\r\nhost: a/b\r\n\r\n", BAD),
        ("absolute form, other host", "GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n", BAD),
        ("absolute form, userinfo", "GET http://u@a/ HTTP/1.1\r\nhost: a\r\n\r\n", BAD),
    ])
    taken([("absolute form, same host", "GET http://h/abs HTTP/1.1\r\nhost: h\r\n\r\n", ["/abs"])])


@case
def refuses_other_versions():  # SM20
    refused([(v, f"GET / {v}\r\nhost: h\r\n\r\n", statuses) for v, statuses in (
        ("HTTP/1.2", (400, 505)), ("HTTP/2.0", (505,)), ("HTTP/1.1x", BAD), ("http/1.1", BAD),
        ("HTTP/01.1", BAD), ("HTTP/1.10", BAD), ("HTTP/1", BAD), ("RTSP/1.0", BAD), ("ICE/1.0", BAD),
        ("HTTP/9.9", (505,)))]
        + [("no version", "GET /\r\nhost: h\r\n\r\n", BAD)])


@case
def refuses_bad_methods():  # SM21
    refused([(f"method {m!r}", f"{m} / HTTP/1.1\r\nhost: h\r\n\r\n", statuses) for m, statuses in (
        ("G@T", BAD), ('"GET"', BAD), ("", BAD), (" GET", BAD), ("A" * 200, (400, 405, 501)),
        ("GET\t", BAD))])


@case
def refuses_bad_targets():  # SM22
    refused([(f"target {t!r}", b"GET " + t + b" HTTP/1.1\r\nhost: h\r\n\r\n", BAD) for t in (
        b"/a b", b"/a\tb", b"/\x80", b"/\xc3\xa9", b"/a#frag", b"/a\\b", b"*", b"", b"a", b"a/b",
        b"h:80", b"/a\x7f", b"/\x01", b"http:///x", b"http://", b"//h/x#", b"?a")]
        + [("two spaces", "GET  / HTTP/1.1\r\nhost: h\r\n\r\n", BAD),
           ("two spaces before the version", "GET /  HTTP/1.1\r\nhost: h\r\n\r\n", BAD),
           ("CONNECT", "CONNECT h:80 HTTP/1.1\r\nhost: h:80\r\n\r\n", (400, 405, 501))])


@case
def never_lets_a_bad_second_request_spoil_the_first():  # SM23
    with Backend() as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("GET /1 HTTP/1.1\r\nhost: h\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\nbad\r\n\r\n"
                    "GET /3 HTTP/1.1\r\nhost: h\r\n\r\n")
        equal(client.read().get("x-target"), "/1")
        equal(client.read().status, 400)
        check(client.is_closed(), "the framing is lost")
        equal([r.target for r in backend.requests], ["/1"])


@case
def ignores_unknown_upgrades():  # SM24
    with Backend() as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client() as client:
        client.send("GET /1 HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQ\r\n"
                    "connection: upgrade, http2-settings\r\n\r\nGET /2 HTTP/1.1\r\nhost: h\r\n\r\n")
        equal([client.read().get("x-target") for _ in range(2)], ["/1", "/2"])
        for request in backend.requests:
            check(not request.has("http2-settings"), "hop-by-hop")


@case
def refuses_obfuscated_expectations():  # SM11
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        for value in ("y100-continue", "100-continue\t.", "100"):
            with rows(repr(value)):
                raw = f"{POST}expect: {value}\r\ncontent-length: 2\r\n\r\nhi"
                equal(first_answer(gateway.send_raw(raw, timeout=4)).status, 417)
        equal(backend.requests, [])


@case
def tolerates_one_empty_line_before_a_request():
    taken([("CRLF first", "\r\n" + "GET /crlf HTTP/1.1\r\nhost: h\r\n\r\n", ["/crlf"])])
    refused([("many CRLF", "\r\n" * 5 + GET + "\r\n", BAD), ("CR first", "\r" + GET + "\r\n", BAD)])


main()
