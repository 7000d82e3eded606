#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 from clients that are not ours: curl, nghttp, h2load."""
import subprocess

from harness import *
from harness.frames import GOAWAY, FrameClient, headers

BODY = "".join(f"{i:07}\n" for i in range(25000))  # 200 KB, more than any window


def curl(gateway, *args, path="/", check_code=True):
    """(status, version, content) by prior knowledge."""
    out = subprocess.run(["curl", "-sS", "--http2-prior-knowledge", "--max-time", "30",
                          "-w", "\n%{http_code} %{http_version}", *args,
                          f"http://127.0.0.1:{gateway.port}{path}"],
                         capture_output=True, text=True)
    if check_code:
        equal(out.returncode, 0, out.stderr)
    content, _, last = out.stdout.rpartition("\n")
    status, version = last.split()
    return int(status), version, content


@case
def curl_asks_by_prior_knowledge():
    with Backend(reply(200, "hello", {"x-answer": "yes"})) as backend, \
            Gateway([api("a", backend)]) as gateway:
        equal(curl(gateway, path="/x?q=1"), (200, "2", "hello"))
        seen = backend.requests[0]
        equal((seen.method, seen.target), ("GET", "/x?q=1"))
        record = gateway.records(1)[0]
        equal((record["status"], record["protocol"], record["reason"]), (200, "HTTP/2.0", "ok"))


@case
def http1_is_served_beside_it():
    with Backend(reply(200, "hello")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/").text(), "hello")
        with gateway.client() as client:
            client.send_slowly("PROPFIND / HTTP/1.1\r\nhost: h\r\n\r\n")
            equal(client.read().status, 200)
        with gateway.client() as client:
            client.send("PRI / HTTP/1.1\r\nhost: h\r\n\r\n")
            equal(client.read().status, 200)


@case
def what_is_of_neither_version_is_closed_in_silence():
    """It may be a broken preface: an answer of HTTP/1.1 would be no end of an HTTP/2 connection. What could have
    meant to be HTTP/1.1 is told what was wrong."""
    off = configuration("c", {"http2": {"enabled": False}})
    garbage = "INVALID CONNECTION PREFACE\r\n\r\n"
    with Backend(reply(200, "hello")) as backend:
        with Gateway([api("a", backend)]) as gateway:
            with gateway.client() as client:
                client.send(garbage)
                equal(client.reader.to_end(), b"")
            record = gateway.records(1)[0]
            equal((record["status"], record["reason"]), (0, "bad_request"))
            for line in ("GET / PREFACE", "INVALID / HTTP/9", "INVALID / HTTP/1.1x"):
                with rows(line), gateway.client() as client:
                    client.send(f"{line}\r\n\r\n")
                    equal(client.read().status, 400)
            with gateway.client() as client:
                client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n" + garbage)
                equal([client.read().status, client.read().status], [200, 400])
        with Gateway([api("a", backend), off]) as gateway, gateway.client() as client:
            client.send(garbage)
            equal(client.read().status, 400)


@case
def alpn_chooses():
    ca = Authority()
    tls = {"policyRef": {"name": "tls"}}
    with Backend(reply(200, "secret")) as backend:
        certificate = ca.issue("shop.test")
        tls["config"] = {"certificate": {"key": certificate.key, "crt": certificate.crt}}
        with Gateway([api("a", backend, scheme="https", policies=[tls])]) as gateway:
            for option, version in (("--http2", "2"), ("--http1.1", "1.1")):
                with rows(option):
                    out = subprocess.run(
                        ["curl", "-sSk", option, "-w", " %{http_version}",
                         f"https://127.0.0.1:{gateway.port}/"], capture_output=True, text=True)
                    equal(out.stdout, f"secret {version}", out.stderr)
            equal([r["protocol"] for r in gateway.records(2)], ["HTTP/2.0", "HTTP/1.1"])


@case
def bodies_go_both_ways_whatever_their_length():
    with Backend() as backend, Gateway([api("a", backend)]) as gateway:
        path = f"{gateway.dir}/body"
        for n in (0, 1, 16384, 65536, len(BODY)):
            with rows(f"{n} bytes"):
                with open(path, "w") as f:
                    f.write(BODY[:n])
                equal(curl(gateway, "--data-binary", f"@{path}"), (200, "2", BODY[:n]))
        equal(curl(gateway, "-T", "-", "-X", "POST", path="/"), (200, "2", ""))


@case
def a_head_has_no_content_and_204_neither():
    def script(connection):
        while request := connection.read_request():
            status = 204 if request.target == "/none" else 200
            connection.send(f"HTTP/1.1 {status} OK\r\n"
                            + ("content-length: 5\r\n\r\n" if status == 200 else "\r\n")
                            + ("hello" if request.method == "GET" and status == 200 else ""))
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        status, version, content = curl(gateway, "-I")
        equal((status, version), (200, "2"))
        contains(content, "content-length: 5")
        equal(curl(gateway, path="/none"), (204, "2", ""))
        equal(curl(gateway), (200, "2", "hello"))


@case
def trailers_and_interim_answers_pass():
    def script(connection):
        while connection.read_request():
            connection.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n"
                            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
                            "5\r\nhello\r\n0\r\nx-sum: 7\r\n\r\n")
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        out = subprocess.run(["nghttp", "-v", f"http://127.0.0.1:{gateway.port}/"],
                             capture_output=True, text=True, timeout=30).stdout
        for part in (":status: 103", "link: </a.css>", ":status: 200", "x-sum: 7"):
            contains(out, part)


@case
def cookies_come_in_one_field():
    with Backend(reply(200, "ok")) as backend, Gateway([api("a", backend)]) as gateway:
        subprocess.run(["nghttp", "-H", "cookie: a=1", "-H", "cookie: b=2",
                        f"http://127.0.0.1:{gateway.port}/"], capture_output=True, timeout=30)
        equal(backend.requests[0].get("cookie"), "a=1; b=2")


@case
def a_hundred_streams_share_a_connection():
    with Backend(reply(200, "x" * 1000)) as backend, Gateway([api("a", backend)]) as gateway:
        out = subprocess.run(["h2load", "-n", "400", "-c", "2", "-m", "100",
                              f"http://127.0.0.1:{gateway.port}/"],
                             capture_output=True, text=True, timeout=50).stdout
        contains(out, "400 succeeded, 0 failed, 0 errored")
        equal(len(gateway.records(400)), 400)


@case
def the_last_request_says_goaway():
    with Backend(reply(200, "ok")) as backend, Gateway(
            [api("a", backend), configuration("c", {"limits": {"keepAliveRequests": 3}})]) as gateway:
        with FrameClient(gateway.port) as client:
            for stream in (1, 3, 5):
                client.send(headers(stream))
                equal(client.answer(stream), (200, b"ok"))
            codes = [f.payload[:4] for f in client.seen if f.kind == GOAWAY]
            codes += [f.payload[:4] for f in iter(client.read_frame, None) if f.kind == GOAWAY]
            equal(codes, [b"\x7f\xff\xff\xff", b"\0\0\0\5"])


@case
def a_stop_lets_streams_end():
    def script(connection):
        connection.read_request()
        connection.send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello")
        started.append(1)
        wait_for(lambda: go_on, "the signal")
        connection.send("world")
    started, go_on = [], []
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway:
        process = subprocess.Popen(["curl", "-sS", "--http2-prior-knowledge",
                                    f"http://127.0.0.1:{gateway.port}/"],
                                   stdout=subprocess.PIPE, text=True)
        wait_for(lambda: started, "the first half")
        gateway.signal(15)
        gateway.says("draining")
        go_on.append(1)
        equal(process.communicate(timeout=30)[0], "helloworld")


main()
