#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A slow reader holds back the sender, not memory: bodies larger than memory limits pass."""
import contextlib
import hashlib
import threading

from harness import *
from harness.socket_diag import queued_by_peer

PIECE = bytes(range(256)) * 256  # 64 KiB


def total_bytes(full):
    return (1 << 30) if full else (64 << 20)


def upload(size, limit_kib):
    """A fast client, an upstream that starts to read late."""
    go = threading.Event()
    got = {}

    def script(connection):
        request = connection.read_head()
        go.wait(60)
        connection.reader.is_recording = False
        digest, left = hashlib.sha256(), size
        connection.sock.settimeout(60)
        first = connection.reader.take(len(connection.reader.raw) - connection.reader.at)
        digest.update(first)
        left -= len(first)
        while left > 0:
            piece = connection.sock.recv(1 << 20)
            if not piece:
                break
            digest.update(piece)
            left -= len(piece)
        got.update(left=left, digest=digest.hexdigest(), length=request.get("content-length"))
        connection.send(reply(200, "thanks"))

    sent = [0]
    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client(timeout=120) as client:
        before = gateway.memory_kib()
        client.send(f"POST /up HTTP/1.1\r\nhost: h\r\ncontent-length: {size}\r\n\r\n")
        digest = hashlib.sha256()

        def send_all():
            while sent[0] < size:
                client.sock.sendall(PIECE)
                digest.update(PIECE)
                sent[0] += len(PIECE)
        client.sock.settimeout(120)
        sender = threading.Thread(target=send_all, daemon=True)
        sender.start()
        stalled = wait_until_still(lambda: sent[0])
        check(stalled < size, "nothing held the sender back")
        peak = gateway.memory_kib() - before
        go.set()
        sender.join(120)
        equal(client.read(timeout=120).text(), "thanks")
        equal((got["left"], got["digest"]), (0, digest.hexdigest()))
        peak = max(peak, gateway.memory_kib() - before)
        print(f"    upload of {size >> 20} MiB: stalled at {stalled >> 10} KiB, grew by {peak} KiB")
        if SCALE == 1:
            check(peak < limit_kib, f"memory grew by {peak} KiB")


def wait_until_still(value):
    """The value once it has not changed for half a second."""
    import time
    last, since = value(), time.monotonic()
    while time.monotonic() - since < 0.5 * SCALE:
        time.sleep(0.02)
        if value() != last:
            last, since = value(), time.monotonic()
    return last


def download(size, limit_kib):
    """A fast upstream, a client that starts to read late."""
    sent = [0]

    def script(connection):
        connection.read_request()
        connection.send(f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n")
        connection.sock.settimeout(120)
        while sent[0] < size:
            connection.send(PIECE)
            sent[0] += len(PIECE)
        connection.pause(0.1)

    with Backend(script) as backend, Gateway([api("a", backend)]) as gateway, \
            gateway.client(timeout=120, receive_buffer=65536) as client:
        before = gateway.memory_kib()
        client.send("GET /down HTTP/1.1\r\nhost: h\r\n\r\n")
        stalled = wait_until_still(lambda: sent[0])
        check(stalled < size, "nothing held the upstream back")
        peak = gateway.memory_kib() - before
        client.reader.is_recording = False
        head = client.read_head()
        equal(head.get("content-length"), str(size))
        digest, left = hashlib.sha256(), size
        while left > 0:
            waiting = len(client.reader.raw) - client.reader.at
            piece = client.reader.take(waiting) if waiting else client.sock.recv(1 << 20)
            check(piece, f"ended {left} bytes early")
            digest.update(piece)
            left -= len(piece)
        expected = hashlib.sha256()
        for _ in range(size // len(PIECE)):
            expected.update(PIECE)
        equal(digest.hexdigest(), expected.hexdigest())
        peak = max(peak, gateway.memory_kib() - before)
        print(f"    download of {size >> 20} MiB: stalled at {stalled >> 10} KiB, "
              f"grew by {peak} KiB")
        if SCALE == 1:
            check(peak < limit_kib, f"memory grew by {peak} KiB")


@case(serial=True)
def a_slow_upstream_holds_back_64_mib():
    upload(total_bytes(False), 1024)


@case(serial=True)
def a_slow_client_holds_back_64_mib():
    download(total_bytes(False), 1024)


@case(modes="full", serial=True, seconds=240)
def a_slow_upstream_holds_back_1_gib():
    upload(total_bytes(True), 1024)


@case(modes="full", serial=True, seconds=240)
def a_slow_client_holds_back_1_gib():
    download(total_bytes(True), 1024)


@case
def the_kernel_holds_little_for_clients_that_stall():
    body = b"x" * (16 << 20)
    with Backend(reply(200, body)) as backend, Gateway([api("a", backend)]) as gateway:
        stalled = [gateway.client(receive_buffer=65536) for _ in range(8)]
        for client in stalled:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        most = [0] * len(stalled)

        def rise():
            for i, client in enumerate(stalled):
                most[i] = max(most[i], queued_by_peer(client.sock))
            return sum(most)
        wait_until_still(rise)
        check(0 < min(most), f"they do not stall: {most}")
        check(max(most) < 512 << 10, f"the kernel holds {most}")
        for client in stalled:
            client.close()


@case
def many_stalled_clients_do_not_stop_the_others():
    body = b"x" * (4 << 20)
    with Backend(reply(200, body)) as backend, Gateway([api("a", backend)]) as gateway:
        stalled = [gateway.client(receive_buffer=8192) for _ in range(20)]
        for client in stalled:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        equal(len(gateway.get("/").body), len(body))
        for client in stalled:
            client.close()


@case(modes="full", serial=True, seconds=120)
def a_hundred_that_read_nothing():
    """Of each, what its queue may hold and a block; the rest stands at the upstream's end."""
    with Backend(reply(200, "x" * 10_000_000)) as backend, Gateway([api("a", backend)]) as gateway:
        gateway.get("/")
        before = gateway.memory_kib()
        with contextlib.ExitStack() as stack:
            for _ in range(100):
                client = stack.enter_context(Client(gateway.port, receive_buffer=4096))
                client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_for(lambda: len(backend.requests) == 101, "all requests")
            grown = gateway.memory_settled_kib() - before
            print(f"    grew by {grown} KiB")
            check(grown < 100 * 256 * SCALE, f"grew by {grown} KiB")


main()
