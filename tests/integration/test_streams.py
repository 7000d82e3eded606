#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Answers that a policy writes piece by piece: sdk/examples/event-counter, read by curl."""
import select
import signal
import socket
import struct
import subprocess

from harness import *
from harness.cases import SCALE
from harness.outside import example


def counter(**config):
    return {"policyRef": {"name": "event-counter"},
            "config": {"path": "/events", "intervalMilliseconds": 50, **config}}


def gateway_with(apis, **kwargs):
    """At its end nobody waits for readers that have closed and were not written to since."""
    return Gateway(apis, options=["--plugins", example("event-counter"), "--drain-seconds", "0"], **kwargs)


class Reader:
    """curl -N on the events; `event` gives one after the other."""

    def __init__(self, port):
        self.buffered = b""
        self.process = subprocess.Popen(["curl", "-sSN", "-D", "-", f"http://127.0.0.1:{port}/events"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.head = self.block(b"\r\n\r\n")

    def block(self, end):
        while end not in self.buffered:
            ready, _, _ = select.select([self.process.stdout], [], [], 10 * SCALE)
            check(ready, f"nothing more came behind {self.buffered!r}")
            piece = self.process.stdout.read1(65536)
            check(piece, f"the stream ended behind {self.buffered!r}")
            self.buffered += piece
        block, self.buffered = self.buffered.split(end, 1)
        return block.decode()

    def count(self):
        return int(self.block(b"\n\n").partition('{"count":')[2].rstrip("}"))

    def count_until(self, wanted):
        while (count := self.count()) != wanted:
            check(count < wanted, f"{count} came before {wanted}")

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(10 * SCALE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)
        self.process.stdout.close()
        self.process.stderr.close()


@case
def curl_reads_events_of_all_workers():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[counter()])], workers=2) as gateway:
        with Reader(gateway.port) as reader:
            contains(reader.head, "HTTP/1.1 200")
            contains(reader.head.lower(), "content-type: text/event-stream")
            contains(reader.head.lower(), "transfer-encoding: chunked")
            equal(reader.count(), 0)
            for _ in range(5):
                equal(gateway.get("/").status, 200)
            reader.count_until(5)
            reader.end()
        equal(gateway.request("HEAD", "/events").status, 200)

        def is_over():
            """A reader that closes is noticed when the next events are written to it."""
            gateway.get("/")
            return [r for r in gateway.records_now() if r["path"] == "/events" and r["method"] == "GET"]
        record = wait_for(is_over, "the end of the stream")[0]
        equal((record["status"], record["reason"]), (200, "client_aborted"))


class Socket:
    """A bare client of the events, which has read the first."""

    def __init__(self, gateway):
        self.socket = socket.create_connection(("127.0.0.1", gateway.port), 10 * SCALE)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: h\r\n\r\n")
        self.received = b""
        self.read_until(b'{"count":0}')

    def read_until(self, wanted):
        while wanted not in self.received:
            piece = self.socket.recv(65536)
            check(piece, f"the stream ended behind {self.received!r}")
            self.received += piece

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def ended(gateway):
    """The records of streams, with nothing written to them meanwhile."""
    return [(r["status"], r["reason"]) for r in gateway.records_now() if r["path"] == "/events"]


@case
def a_reset_ends_a_silent_stream_at_once():
    """Also when the client has sent its end before."""
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[counter(intervalMilliseconds=60000)])]) as gateway:
        Socket(gateway).reset()
        wait_for(lambda: ended(gateway) == [(200, "client_aborted")], "the end of the stream")
        half_closed = Socket(gateway)
        half_closed.socket.shutdown(socket.SHUT_WR)
        half_closed.reset()
        wait_for(lambda: ended(gateway) == [(200, "client_aborted")] * 2, "the end of the other")


@case
def a_client_that_half_closes_gets_its_events():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[counter()])]) as gateway:
        client = Socket(gateway)
        client.socket.shutdown(socket.SHUT_WR)
        for count in range(1, 4):
            equal(gateway.get("/").status, 200)
            client.read_until(b'{"count":%d}' % count)
        equal(ended(gateway), [])
        client.reset()
        wait_for(lambda: ended(gateway) == [(200, "client_aborted")], "the end of the stream")


@case
def a_stream_outlives_a_reload_of_its_binding():
    """It keeps the instance that began it; the count is shared with the new one."""
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with gateway_with({"a.yaml": [api("a", backend, port=port, policies=[counter()])]}) as gateway:
            with Reader(port) as reader:
                equal(reader.count(), 0)
                gateway.save("a.yaml", [api("a", backend, port=port,
                                            policies=[counter(intervalMilliseconds=60)])])
                equal(gateway.get("/", port=port).status, 200)
                reader.count_until(1)
                with Reader(port) as second:
                    contains(second.block(b"\n\n"), "retry: 60\n")
                    equal(gateway.get("/", port=port).status, 200)
                    second.count_until(2)
                    reader.count_until(2)
            equal(gateway.status()["supervisor"]["crashes"], 0)


@case
def a_gateway_that_stops_cuts_its_streams():
    with Backend(reply(200, "x")) as backend, \
            gateway_with([api("a", backend, policies=[counter()])]) as gateway:
        with Reader(gateway.port) as reader:
            equal(reader.count(), 0)
            gateway.stop()
            check(reader.process.wait(10 * SCALE) in (18, 56), "curl takes it for whole")


main()
