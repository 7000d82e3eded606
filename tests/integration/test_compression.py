#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The policies compression and decompression between real parties."""
import gzip
import json
import subprocess
import zlib

from harness import *

CONTENT = json.dumps([{"id": i, "name": f"item {i}", "price": i * 7 % 100} for i in range(3000)])
JSON = {"content-type": "application/json"}


def compression(**config):
    return {"policyRef": {"name": "compression"}, "config": config}


def curl(gateway, *args):
    return subprocess.run(["curl", "-sS", "--max-time", "20", *args,
                           f"http://127.0.0.1:{gateway.port}/"], check=True,
                          capture_output=True, text=True).stdout


@case
def curl_reads_what_is_compressed():
    with Backend(reply(200, CONTENT, {**JSON, "etag": '"1"'})) as backend, \
            Gateway([api("a", backend, policies=[compression()])]) as gateway:
        equal(curl(gateway, "--compressed"), CONTENT)
        equal(curl(gateway), CONTENT)
        for accept, coding in (("gzip", "gzip"), ("br", "br"), ("zstd", "zstd"),
                               ("gzip;q=0.5, br;q=0.4", "gzip")):
            with rows(accept):
                answer = gateway.get("/", {"accept-encoding": accept})
                equal((answer.get("content-encoding"), answer.get("vary"), answer.get("etag")),
                      (coding, "Accept-Encoding", 'W/"1"'))
                check(len(answer.body) < len(CONTENT) / 3, f"{len(answer.body)} bytes")
        text = gateway.admin("GET", "/metrics").text()
        contains(text, "sluice_policy_compressed_responses_total")


@case
def the_second_policy_sees_the_content_and_the_first_the_coding():
    script = {"policyRef": {"name": "lua-script"}, "config": {
        "script": "function response_body(_, _, bytes) return bytes:upper() end",
        "responseBody": {"mode": "buffer"}}}
    with Backend(reply(200, "abc" * 1000, {"content-type": "text/plain"})) as backend, \
            Gateway([api("a", backend, policies=[compression(), script])]) as gateway:
        answer = gateway.get("/", {"accept-encoding": "gzip"})
        equal(gzip.decompress(answer.body), b"ABC" * 1000)


@case
def events_arrive_one_by_one():
    """The upstream sends the next only when the client has read the one before."""
    turns = []

    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                        "transfer-encoding: chunked\r\n\r\n")
        for i in range(5):
            event = f"data: {i}\n\n"
            connection.send(f"{len(event):x}\r\n{event}\r\n")
            wait_for(lambda: len(turns) > i, f"event {i} to be read")
        connection.send("0\r\n\r\n")

    with Backend(script) as backend, \
            Gateway([api("a", backend, policies=[compression()])]) as gateway, \
            gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n")
        inflate = zlib.decompressobj(31)
        head, seen, raw = b"", b"", b""
        while b"\r\n\r\n" not in head:
            head += client.sock.recv(65536)
        head, raw = head.split(b"\r\n\r\n", 1)
        contains(head.lower(), b"content-encoding: gzip")
        for i in range(5):
            while f"data: {i}\n\n".encode() not in seen:
                raw, chunks = unchunk(raw)
                seen += inflate.decompress(chunks)
                if f"data: {i}\n\n".encode() not in seen:
                    raw += client.sock.recv(65536)
            turns.append(i)


def unchunk(raw):
    """The content of the whole chunks at the beginning, and what is behind them: (rest, content)."""
    content = b""
    while b"\r\n" in raw:
        size, rest = raw.split(b"\r\n", 1)
        n = int(size, 16)
        if n == 0 or len(rest) < n + 2:
            break
        content, raw = content + rest[:n], rest[n + 2:]
    return raw, content


@case
def credentials_keep_a_response_as_it_is():
    with Backend(reply(200, CONTENT, JSON)) as backend, \
            Gateway([api("a", backend, policies=[compression()])]) as gateway:
        for name in ("authorization", "cookie"):
            answer = gateway.get("/", {"accept-encoding": "gzip", name: "x=1"})
            equal((answer.get("content-encoding"), answer.text()), (None, CONTENT))


@case
def a_cut_response_is_not_whole():
    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 90000\r\n\r\n"
                        + "x" * 50000)
        connection.reset()

    with Backend(script) as backend, \
            Gateway([api("a", backend, policies=[compression()])]) as gateway:
        try:
            answer = gateway.get("/", {"accept-encoding": "gzip"})
        except (Closed, ConnectionError):
            return
        check(answer.status >= 500, "a cut body was taken for a whole one")


GUARDED = [{"policyRef": {"name": "decompression"}},
           {"policyRef": {"name": "json-threat-protection"}, "config": {"maxContainerDepth": 3}}]
GZIPPED = {**JSON, "content-encoding": "gzip"}


@case
def a_guard_sees_what_a_compressed_request_says():
    with Backend(echo) as backend, Gateway([api("a", backend, policies=GUARDED)]) as gateway:
        good, deep = b'{"a":[1,2]}', b"[[[[1]]]]"
        answer = gateway.request("POST", "/", GZIPPED, gzip.compress(good))
        equal((answer.status, answer.body), (200, good))
        check(not backend.requests[0].has("content-encoding"), "the coding was passed on")
        equal(backend.requests[0].get("content-length"), str(len(good)))
        for chunked in (False, True):
            answer = gateway.request("POST", "/", GZIPPED, gzip.compress(deep), chunked=chunked)
            equal(answer.status, 400)
        equal(len(backend.requests), 1)
        equal(gateway.records(3)[1]["reason"], "json_threat")


@case
def without_it_a_guard_takes_no_compressed_request():
    with Backend(echo) as backend, \
            Gateway([api("a", backend, policies=GUARDED[1:])]) as gateway:
        equal(gateway.request("POST", "/", GZIPPED, gzip.compress(b"[]")).status, 415)
        equal(backend.requests, [])


@case
def a_bomb_costs_a_bounded_part_of_it():
    bomb = gzip.compress(bytes(200 << 20), 9)
    with Backend(echo) as backend, Gateway([api("a", backend, policies=GUARDED)]) as gateway:
        gateway.request("POST", "/", GZIPPED, gzip.compress(b"[]"))
        before = gateway.memory_kib()
        for _ in range(5):
            answer = gateway.request("POST", "/", GZIPPED, bomb)
            equal(answer.status, 413)
        check(gateway.memory_kib() - before < 40000 * SCALE, "memory grew by what came out")
        equal(gateway.records(6)[5]["reason"], "decompression_bomb")
        equal(len(backend.requests), 1)


@case
def a_bomb_is_cut_off_where_nothing_collects():
    bomb = gzip.compress(bytes(20 << 20), 9)
    with Backend(echo) as backend, Gateway([api("a", backend, policies=GUARDED[:1])]) as gateway:
        answer = gateway.request("POST", "/", GZIPPED, bomb)
        equal(answer.status, 413)
        equal(gateway.request("POST", "/", GZIPPED, gzip.compress(b"[]")).text(), "[]")


SHOUT = {"policyRef": {"name": "lua-script"}, "config": {
    "script": "function response_body(_, _, bytes) return bytes:upper() end",
    "responseBody": {"mode": "buffer"}}}
READABLE = {"policyRef": {"name": "decompression"}, "config": {"requests": False, "responses": True}}


@case
def a_policy_reads_what_upstreams_compress_and_the_client_gets_it_compressed_anew():
    """Responses meet policies in reverse: decompressed, read and changed, compressed as this client likes it."""
    coded = {"content-type": "text/plain", "content-encoding": "gzip", "etag": '"1"', "vary": "accept-encoding"}
    with Backend(reply(200, gzip.compress(b"abc" * 1000), coded)) as backend, \
            Gateway([api("a", backend, policies=[compression(codings=["gzip"]), SHOUT, READABLE])]) as gateway:
        answer = gateway.get("/", {"accept-encoding": "gzip, exotic"})
        equal(gzip.decompress(answer.body), b"ABC" * 1000)
        equal((answer.get("content-encoding"), answer.get("etag"), answer.get("vary")),
              ("gzip", 'W/"1"', "accept-encoding"))
        answer = gateway.get("/")
        equal((answer.body, answer.get("content-encoding"), answer.get("content-length")),
              (b"ABC" * 1000, None, "3000"))
        equal([r.get("accept-encoding") for r in backend.requests], ["gzip", "identity"])


@case
def what_an_upstream_compresses_too_much_is_a_bad_answer():
    coded = {"content-type": "text/plain", "content-encoding": "gzip"}
    bomb = gzip.compress(bytes(50 << 20), 9)
    with Backend(reply(200, bomb, coded)) as backend, \
            Gateway([api("a", backend, policies=[SHOUT, READABLE])]) as gateway:
        before = gateway.memory_kib()
        for _ in range(3):
            equal(gateway.get("/").status, 502)
        check(gateway.memory_kib() - before < 40000 * SCALE, "memory grew by what came out")
        equal(gateway.records(3)[2]["reason"], "decompression_bomb")


@case
def a_response_that_turns_out_damaged_is_never_whole():
    whole = gzip.compress(bytes(range(256)) * 800)
    for damaged in (whole[:-9], whole + b"x"):
        def script(connection):
            connection.read_request()
            connection.send(f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(damaged)}\r\n\r\n")
            connection.send(damaged)

        with rows(len(damaged)), Backend(script) as backend, \
                Gateway([api("a", backend, policies=[READABLE])]) as gateway:
            try:
                equal(gateway.get("/").status, 502)
            except (Closed, ConnectionError):
                pass


@case
def events_that_come_compressed_arrive_one_by_one():
    turns, deflate = [], zlib.compressobj(wbits=31)

    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
                        "transfer-encoding: chunked\r\n\r\n")
        for i in range(4):
            event = deflate.compress(f"data: {i}\n\n".encode()) + deflate.flush(zlib.Z_SYNC_FLUSH)
            connection.send(f"{len(event):x}\r\n".encode() + event + b"\r\n")
            wait_for(lambda: len(turns) > i, f"event {i} to be read")
        end = deflate.flush()
        connection.send(f"{len(end):x}\r\n".encode() + end + b"\r\n0\r\n\r\n")

    with Backend(script) as backend, \
            Gateway([api("a", backend, policies=[READABLE])]) as gateway, gateway.client() as client:
        client.send("GET / HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n")
        seen = b""
        for i in range(4):
            while f"data: {i}\n\n".encode() not in seen:
                seen += client.sock.recv(65536)
            turns.append(i)
        check(b"content-encoding" not in seen.lower(), "the coding was passed on")


main()
