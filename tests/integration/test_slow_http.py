#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Slowness as an attack: slowhttptest in all its modes with others beside it, and what of it HTTP/2 allows."""
import re
import shutil
import subprocess

from harness import *
from harness.frames import *
from harness.ledger import Books, LedgerOrigin, Load

# Of `ledger load`, so that a path that it knows is the one that is attacked, too.
TARGET = "/n/00000000deadbeef?size=16384&pause=0"
MODES = {"headers": ["-H"], "bodies": ["-B"], "ranges": ["-R"],
         "readers": ["-X", "-w", "10", "-y", "20", "-n", "2", "-z", "32", "-k", "3"]}


class Attack:
    def __init__(self, gateway, options, seconds):
        self.process = subprocess.Popen(
            ["slowhttptest", *options, "-c", "300", "-r", "150", "-i", "2", "-l", str(seconds), "-x", "24",
             "-p", str(int(5 * SCALE)), "-u", f"http://127.0.0.1:{gateway.port}{TARGET}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def end(self):
        """What it says last, without colours."""
        output, _ = self.process.communicate(timeout=120 * SCALE)
        return re.sub(r"\x1b\[[0-9;]*m", "", output.decode(errors="replace"))[-1500:]


@case(modes="full", serial=True, seconds=240)
def slowhttptest_in_all_modes_disturbs_nobody():
    check(shutil.which("slowhttptest"), "slowhttptest is not installed (tools/dev/packages.sh)")
    limits = configuration("limits", {"limits": {
        "headSeconds": 5, "requestBodyGraceSeconds": 5, "connectionsPerAddress": 0}})
    with LedgerOrigin() as origin, Gateway([api("a", origin), limits], workers=2) as gateway:
        load = Load(gateway.port, keepalive=8, rate=100, think=40)
        attacks = {name: Attack(gateway, options, 15) for name, options in MODES.items()}
        said = {name: attack.end() for name, attack in attacks.items()}
        counts = load.stop()
        origin.stop()
        gateway.wait_until_empty()
        gateway.stop()
    print(f"    beside them {counts['requests']} requests, {counts['requests'] - counts['ok']} failed")
    for name, text in said.items():
        with rows(name):
            check(re.search(r"service available:\s*YES", text), text)
    check("No open connections left" in said["headers"], f"slow heads were not cut: {said['headers']}")
    equal(load.failures(), [], "others")
    books = Books(load, origin, gateway.log_path)
    for book in (books.origin, books.gateway):
        book.pop("00000000deadbeef", None)
    books.require_no_loss(1000)


# --- HTTP/2 ----------------------------------------------------------------------------------------

def slow(**own):
    """A gateway's API whose clients may not be slow."""
    def documents(backend):
        document = api("a", backend)
        document["spec"]["limits"] = own
        return [document]
    return documents


def drip(client, piece, ends, seconds=20):
    """Sends a piece over and over until a frame comes that `ends` says yes to."""
    def has_come():
        client.send(piece)
        try:
            f = client.read_frame(0.05)
        except TimedOut:
            return None
        return f is None or (ends(f) and f)
    return wait_for(has_come, "the end of what drips", seconds)


@case
def content_that_drips_is_408_and_costs_its_stream_alone():
    documents = slow(requestBodyBytesPerSecond=10000, requestBodyGraceSeconds=0.5)
    with Backend() as backend, Gateway(documents(backend)) as gateway, FrameClient(gateway.port) as client:
        client.send(headers(1, end=False, method="POST"))
        drip(client, frame(DATA, 0, 1, b"x"), lambda f: f.kind == HEADERS)
        record = gateway.records(1)[0]
        equal((record["status"], record["reason"], record["detail"]),
              (408, "client_timeout", "the body came slower than requestBodyBytesPerSecond"))
        client.send(headers(3))
        equal(client.answer(3)[0], 200)


@case
def a_client_that_opens_its_window_by_bytes_is_reset():
    documents = slow(responseBytesPerSecond=100000, responseGraceSeconds=0.5, responseStallSeconds=5)
    with Backend(reply(200, "x" * (1 << 20))) as backend, Gateway(documents(backend)) as gateway, \
            FrameClient(gateway.port, (4, 1)) as client:
        client.send(headers(1))
        drip(client, window_update(1, 1), lambda f: f.kind == RST_STREAM)
        record = gateway.records(1)[0]
        equal((record["status"], record["reason"], record["detail"]),
              (200, "client_timeout", "the response was taken slower than responseBytesPerSecond"))


@case
def a_preface_that_drips_and_one_that_nothing_follows_are_closed():
    limits = configuration("limits", {"limits": {"headSeconds": 0.5, "keepAliveIdleSeconds": 0.5}})
    with Backend() as backend, Gateway([api("a", backend), limits]) as gateway:
        with gateway.client() as dripping, gateway.client() as silent, FrameClient(gateway.port) as idle:
            dripping.send(PREFACE[:10])
            silent.send(PREFACE)
            for client in (dripping, silent, idle):
                client.reader.to_end()
        gateway.wait_until_empty()


@case
def a_connection_is_not_kept_by_pings():
    """What moves nothing keeps nothing: it is as idle as one that is silent."""
    limits = configuration("limits", {"limits": {"keepAliveIdleSeconds": 0.5}})
    with Backend() as backend, Gateway([api("a", backend), limits]) as gateway, \
            FrameClient(gateway.port) as client:
        client.send(headers(1))
        equal(client.answer(1)[0], 200)
        drip(client, frame(PING, 0, 0, b"12345678"), lambda f: f.kind == GOAWAY)


@case
def the_connections_window_that_stays_shut_costs_its_streams():
    """Those of the streams are wide; a stream that needs no more of it ends well."""
    limits = configuration("limits", {"http2": {"windowStallSeconds": 0.5}})
    with Backend(reply(200, "x" * 100000)) as backend, Gateway([api("a", backend), limits]) as gateway, \
            FrameClient(gateway.port, (4, 1 << 20)) as client:
        client.send(headers(1))
        equal(client.answer(1), (None, CANCEL))
        client.send(window_update(0, 1 << 20) + headers(3))
        equal(client.answer(3), (200, b"x" * 100000))


@case
def idle_connections_of_http2_make_room():
    limits = configuration("limits", {"limits": {"connections": 40}})
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend), limits]) as gateway:
        clients = []
        for i in range(100):
            clients.append(FrameClient(gateway.port))
            clients[-1].send(headers(1))
            equal(clients[-1].answer(1), (200, b"x"), f"connection {i}")
            clients[-1].send(frame(SETTINGS, ACK, 0))  # and that the answer has come
        equal(clients[0].goaway(), NO_ERROR, "the oldest")
        clients[-1].send(headers(3))
        equal(clients[-1].answer(3), (200, b"x"), "the newest")
        wait_for(lambda: gateway.metrics()["sluice_connections_evicted_total"] >= 60, "the count")
        for client in clients:
            client.close()


main()
