#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Thousands of clients that are slow on purpose, in four ways, while others are served as ever.

A quarter each: heads that drip, bodies that drip, readers that do not read, connections that idle. What
each costs in memory is measured: what the process has grown by, divided by their number.
"""
import resource
import selectors
import socket
import struct
import threading
import time

from harness import *
from harness.documents import configuration

# A head that stays open, a small body and a large one, a reader of much, an idle connection.
HEAD = b"GET / HTTP/1.1\r\nhost: h\r\nx-drip: "
SMALL_BODY = b"POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: 1000\r\n\r\n"
LARGE_BODY = b"POST /body HTTP/1.1\r\nhost: h\r\ncontent-length: 10000000\r\n\r\n"
READ = b"GET /large HTTP/1.1\r\nhost: h\r\n\r\n"
POOLS = 8 << 20
# They come from few addresses, and all to one listener.
MANY = configuration("limits", {"limits": {"connections": 15000, "connectionsPerListener": 0,
                                           "connectionsPerAddress": 0}})


def allow_descriptors(count):
    """For this process and the gateway it starts; skips to what the machine allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count), hard))
    return min(hard, count)


class Origin:
    """Answers every request at once, /large with 64 KiB; one thread for all connections."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4096)
        self.listener.setblocking(False)
        self.address = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.is_stopping = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.is_stopping:
            for key, _ in self.selector.select(0.1):
                if key.fileobj is self.listener:
                    sock, _ = self.listener.accept()
                    self.selector.register(sock, selectors.EVENT_READ, bytearray())
                else:
                    self._read(key.fileobj, key.data)

    def _read(self, sock, seen):
        try:
            data = sock.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(sock)
            sock.close()
            return
        seen += data
        while b"\r\n\r\n" in seen:
            head, _, rest = bytes(seen).partition(b"\r\n\r\n")
            if b"POST" in head[:4]:
                return # its body never ends
            seen[:] = rest
            body = b"x" * 65536 if b"/large" in head else b"x"
            try:
                sock.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            except OSError:
                return

    def stop(self):
        self.is_stopping = True
        self.thread.join()
        self.selector.close()
        self.listener.close()


def connect(port, first, receive_buffer=None):
    sock = socket.socket()
    if receive_buffer:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    # A thousand addresses of the loopback network, as the ports of one would not be enough.
    sock.bind((f"127.0.{1 + port % 7}.{1 + hash(first) % 200}", 0))
    sock.connect(("127.0.0.1", port))
    if first:
        sock.sendall(first)
    return sock


class Crowd:
    def __init__(self, port, count, large_bodies):
        quarter = count // 4
        self.heads = [connect(port, HEAD) for _ in range(quarter)]
        self.bodies = [connect(port, LARGE_BODY if i < large_bodies else SMALL_BODY)
                       for i in range(quarter)]
        self.readers = [connect(port, READ, 2048) for _ in range(quarter)]
        self.idle = [connect(port, b"") for _ in range(quarter)]

    def __len__(self):
        return len(self.heads) + len(self.bodies) + len(self.readers) + len(self.idle)

    def drip(self, turn):
        """A byte of every twentieth of those that drip; whoever is cut stays cut."""
        for sock in self.heads[turn % 20::20] + self.bodies[turn % 20::20]:
            try:
                sock.send(b"y")
            except OSError:
                pass

    def close(self):
        for sock in self.heads + self.bodies + self.readers + self.idle:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()


def serve_beside(gateway, crowd, seconds):
    """Requests of others for so long; their times, sorted. None may fail."""
    times, turn, end = [], 0, time.monotonic() + seconds
    client = gateway.client(timeout=30)
    while time.monotonic() < end:
        if crowd:
            crowd.drip(turn)
        turn += 1
        began = time.monotonic()
        answer = client.get("/")
        times.append(time.monotonic() - began)
        equal(answer.status, 200)
        if answer.get("connection") == "close":  # it had its share of requests
            client.close()
            client = gateway.client(timeout=30)
    client.close()
    return sorted(times)


def crowded(count, seconds, large_bodies):
    allow_descriptors(count + 3000)
    origin = Origin()
    try:
        with Gateway([api("a", origin.address), MANY], workers=2) as gateway:
            alone = serve_beside(gateway, None, 1)
            before = gateway.memory_kib()
            crowd = Crowd(gateway.port, count, large_bodies)
            wait_for(lambda: gateway.metrics()["sluice_connections"] >= len(crowd) * 0.99,
                     "all of them connected", 30)
            times = serve_beside(gateway, crowd, seconds)
            grown = (gateway.memory_kib() - before) * 1024
            each = grown / len(crowd)
            p99, p99_alone = (t[int(len(t) * 0.99)] * 1000 for t in (times, alone))
            print(f"    {len(crowd)} slow connections: {each:.0f} bytes each; beside them {len(times)} "
                  f"requests, p99 {p99:.1f} ms (alone {p99_alone:.1f} ms)", flush=True)
            if SCALE == 1:
                # Beside it the pools of two workers grow to what a turn of so many needs at once.
                check(grown <= 16384 * len(crowd) + POOLS, f"{each:.0f} bytes for each")
            crowd.close()
            wait_for(lambda: gateway.metrics()["sluice_exchanges"] == 0, "their end", 30)
            equal(gateway.get("/").status, 200)
    finally:
        origin.stop()


@case(serial=True, seconds=120)
def four_hundred_slow_clients_disturb_nobody():
    crowded(400, 2, 20)


@case(modes="full", serial=True, seconds=300)
def ten_thousand_slow_clients_disturb_nobody():
    """Longer than the grace, so that those who drip are ended meanwhile."""
    crowded(10000 if allow_descriptors(13000) >= 13000 else 4000, 20, 200)


main()
