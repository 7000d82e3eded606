#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Too many connections, too few descriptors, too little memory: what is given up, and what never is."""
import os
import select
import socket
import threading

from harness import *
from harness.documents import configuration, port_of
from harness.frames import DATA, ENHANCE_YOUR_CALM, NO_ERROR, RST_STREAM, SETTINGS, FrameClient, headers
from harness.gateway import BUILD
from harness.websocket import CLOSE, echo_frames, open_by, serves

HALF = b"GET / HTTP/1.1\r\nhos"  # a connection that is not idle, and gets no answer
REST = b"t: h\r\n\r\n"


def limits(**values):
    return configuration("limits", {"limits": values})


def refused(gateway, limit):
    return gateway.metrics()[f'sluice_connections_refused_total{{limit="{limit}"}}']


def connect(port, source="127.0.0.1"):
    s = socket.socket()
    s.settimeout(10 * SCALE)
    s.bind((source, 0))
    s.connect(("127.0.0.1", port))
    return s


def try_to_connect(port, source="127.0.0.1"):
    """None when the reset was faster."""
    try:
        s = connect(port, source)
        s.sendall(HALF)
        return s
    except (ConnectionResetError, BrokenPipeError):
        return None


def is_reset(s):
    try:
        s.sendall(REST)
        return s.recv(1) == b""
    except (ConnectionResetError, BrokenPipeError):
        return True
    except socket.timeout:
        return False


def busy(gateway, count, port=None, source="127.0.0.1"):
    """Connections with half a head, once the gateway has taken them all."""
    before = gateway.status()["connections"]
    sockets = [connect(port or gateway.port, source) for _ in range(count)]
    for s in sockets:
        s.sendall(HALF)
    wait_for(lambda: gateway.status()["connections"] >= before + count, "the connections")
    return sockets


def finish(s):
    """The rest of the head; the status."""
    s.sendall(REST)
    return s.recv(100).split()[1]


def kept_out(gateway, limit, port=None, source="127.0.0.1"):
    before = refused(gateway, limit)
    s = try_to_connect(port or gateway.port, source)
    check(not s or is_reset(s), "let in")
    equal(refused(gateway, limit), before + 1)


def leave(gateway, sockets):
    for s in sockets:
        s.close()
    wait_for(lambda: gateway.status()["connections"] == 0, "the end of all connections")


@case
def connections_in_all_are_bounded_across_workers():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), limits(connections=12)], workers=2) as gateway:
        sockets = busy(gateway, 12)
        kept_out(gateway, "connections")
        equal(finish(sockets[0]), b"200", "those that are in")
        sockets.pop().close()
        wait_for(lambda: gateway.status()["connections"] <= 11, "room")
        s = connect(gateway.port)
        s.sendall(HALF + REST)
        equal(s.recv(100).split()[1], b"200", "room again")
        leave(gateway, sockets + [s])
        gateway.says("connections were refused: limits.connections is reached")
        equal(gateway.status()["overload"]["connectionsMax"], 12)


@case
def each_listener_has_its_bound():
    with Backend(reply(200, "x")) as backend:
        a, b = api("a", backend), api("b", backend)
        with Gateway([a, b, limits(connectionsPerListener=4)], workers=2) as gateway:
            sockets = busy(gateway, 4, port_of(a))
            kept_out(gateway, "listener", port_of(a))
            equal(gateway.get("/", port=port_of(b)).status, 200, "the other one")
            leave(gateway, sockets)
            equal(gateway.get("/", port=port_of(a)).status, 200)


@case
def each_address_has_its_bound():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), limits(connectionsPerAddress=5)], workers=2) as gateway:
        sockets = busy(gateway, 5, source="127.0.0.7")
        kept_out(gateway, "address", source="127.0.0.7")
        others = busy(gateway, 5, source="127.0.0.8")
        equal(gateway.get("/").status, 200, "a third address")
        leave(gateway, sockets + others)
        sockets = busy(gateway, 5, source="127.0.0.7")
        kept_out(gateway, "address", source="127.0.0.7")
        leave(gateway, sockets)


def from_client(last, port):
    s = connect(port)
    s.sendall(b"PROXY TCP4 203.0.113.%d 198.51.100.1 4711 443\r\n" % last + HALF)
    return s


@case
def behind_the_proxy_protocol_the_address_is_the_clients():
    edge = configuration("edge", {"proxyProtocol": {"enabled": True,
                                                    "trustedProxies": ["127.0.0.1"]}})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), edge, limits(connectionsPerAddress=3, connections=12)],
                    workers=2) as gateway:
        sockets = [from_client(7, gateway.port) for _ in range(3)]
        wait_for(lambda: gateway.status()["connections"] == 3, "the connections")
        with from_client(7, gateway.port) as fourth:
            check(is_reset(fourth), "let in")
        equal(refused(gateway, "address"), 1)
        sockets += [from_client(8, gateway.port) for _ in range(3)]
        equal(finish(sockets[-1]), b"200", "another client")
        leave(gateway, sockets)
        pending = [connect(gateway.port) for _ in range(12)]
        wait_for(lambda: gateway.status()["connections"] == 12, "those without a header yet")
        kept_out(gateway, "connections")
        leave(gateway, pending)
        sockets = [from_client(7, gateway.port) for _ in range(3)]
        for s in sockets:
            equal(finish(s), b"200", "room again")
        leave(gateway, sockets)


@case
def who_is_none_of_the_proxies_is_counted_no_more():
    edge = configuration("edge", {"proxyProtocol": {"enabled": True,
                                                    "trustedProxies": ["127.0.0.1"]}})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), edge, limits(connections=4)], workers=2) as gateway:
        for i in range(20):
            s = try_to_connect(gateway.port, "127.0.0.9")
            check(not s or is_reset(s), f"connection {i} was let in")
        wait_for(lambda: gateway.metrics()["sluice_proxy_protocol_refused_total"] == 20, "the count")
        for i in range(20):
            with connect(gateway.port) as s:
                s.sendall(b"no header at all\r\n\r\n")
                check(is_reset(s), "served")
        equal(refused(gateway, "connections"), 0)
        sockets = [from_client(i, gateway.port) for i in range(4)]
        for s in sockets:
            equal(finish(s), b"200")
        leave(gateway, sockets)


@case
def trusted_proxies_bring_the_connections_of_many():
    edge = configuration("edge", {"clientAddress": {"trustedProxies": ["127.0.0.7"]}})
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), edge, limits(connectionsPerAddress=3)],
                    workers=2) as gateway:
        proxies = busy(gateway, 12, source="127.0.0.7")
        clients = busy(gateway, 3, source="127.0.0.8")
        kept_out(gateway, "address", source="127.0.0.8")
        equal(finish(proxies[0]), b"200")
        leave(gateway, proxies + clients)


@case
def a_reload_changes_limits_for_who_comes_next():
    with Backend(reply(200, "x")) as backend:
        documents = [api("a", backend)]
        with Gateway({"a.yaml": documents, "l.yaml": [limits(connections=100)]}) as gateway:
            gateway.ports = [port_of(documents[0])]
            sockets = busy(gateway, 8)
            gateway.save("l.yaml", [limits(connections=8)])
            kept_out(gateway, "connections")
            equal(finish(sockets[0]), b"200", "who was there before")
            gateway.save("l.yaml", [limits(connections=100)])
            equal(gateway.get("/").status, 200)
            leave(gateway, sockets)


@case
def idle_connections_make_room_the_longest_idle_first():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), limits(connections=40)]) as gateway:
        at_work = busy(gateway, 2)
        clients = []
        for i in range(100):
            client = gateway.client()
            equal(client.get("/").status, 200, f"connection {i}")
            clients.append(client)
        wait_for(lambda: gateway.metrics()["sluice_connections_evicted_total"] >= 60,
                 "the count")
        check(clients[0].is_closed(), "the oldest is still there")
        equal(clients[-1].get("/").status, 200, "the newest")
        for s in at_work:
            equal(finish(s), b"200", "not idle")
        equal(refused(gateway, "connections"), 0)


# --- descriptors ----------------------------------------------------------------------------------

def with_descriptors(count):
    path = f"{scratch('wrapper')}/sluice"
    with open(path, "w") as f:
        f.write(f'#!/bin/sh\nulimit -n {count}\nexec "{BUILD}/bin/sluice" "$@"\n')
    os.chmod(path, 0o755)
    return path


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@case(serial=True)
def the_last_descriptors_are_not_clients():
    """Three times as many connections as descriptors: admin answers, records are written, nothing
    spins, and what was let in is served."""
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), limits(connections=5000)], workers=2,
                    program=with_descriptors(200)) as gateway:
        gateway.says("only 200 files may be open: 136 connections are admitted")
        sockets = []
        for i in range(600):
            s = try_to_connect(gateway.port)
            if s:
                sockets.append(s)
        wait_for(lambda: refused(gateway, "descriptors") + refused(gateway, "connections") > 300,
                 "the refusals")
        before = processor_seconds(gateway.pid())
        wait_for(lambda: gateway.status()["state"] == "serving", "status")
        check(gateway.descriptors() <= 200 - 16, f"{gateway.descriptors()} descriptors")
        threading.Event().wait(1)
        spent = processor_seconds(gateway.pid()) - before
        check(spent < 0.5 * SCALE, f"spent {spent} s of one second's rest")
        gateway.write("more.yaml", [api("b", backend)])
        wait_for(lambda: gateway.status()["generation"] == 2, "a reload")
        alive = []
        for s in sockets:
            try:
                s.sendall(REST)
                alive.append(s)
            except OSError:
                pass
        statuses = []
        for s in alive:
            try:
                data = s.recv(100)
                if data:
                    statuses.append(data.split()[1])
            except OSError:
                pass
        check(len(statuses) > 50, f"{len(statuses)} were served")
        one_of({*statuses} - {b"200"}, [set(), {b"503"}], "answers")
        gateway.records(len(statuses))
        leave(gateway, sockets)
        equal(gateway.get("/").status, 200)


# --- memory ---------------------------------------------------------------------------------------

STEPS = {"trim": 0.85, "close": 0.925, "refuse": 0.965, "reset": 1.1}


def memory(bytes_max):
    return configuration("overload", {"overload": {"memoryBytes": int(bytes_max)}})


def reach(gateway, step):
    """Sets the limit so that the memory at hand stands at that step. A reload itself takes some: the
    limit is set anew until it does."""
    for _ in range(20):
        used = gateway.status()["overload"]["memoryBytes"]
        gateway.save("memory.yaml", [memory(used / STEPS[step])])
        try:
            wait_for(lambda: gateway.status()["overload"]["step"] == step, step, 1.5)
            return
        except AssertionError:
            gateway.save("memory.yaml", [memory(1 << 40)])
            wait_for(lambda: gateway.status()["overload"]["step"] == "none", "none")
    raise AssertionError(f"step {step} was not reached: {gateway.status()['overload']}")


def small_gateway(backend, **kwargs):
    document = api("a", backend)
    gateway = Gateway({"a.yaml": [document], "memory.yaml": [memory(1 << 40)]}, **kwargs)
    gateway.ports = [port_of(document)]
    return gateway


def is_cut(client):
    try:
        while client.sock.recv(1 << 16):
            pass
        return False
    except ConnectionResetError:
        return True


@case
def what_clients_do_not_take_of_whole_responses_is_given_up():
    """The exchanges are over: it is the connections that hold the rest."""
    body = b"x" * 250000  # 128 KiB of it are the kernel's
    with Backend(reply(200, body)) as backend, small_gateway(backend) as gateway:
        stalled = [gateway.client(receive_buffer=4096) for _ in range(3)]
        for client in stalled:
            client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        gateway.records(3)
        gateway.save("memory.yaml", [memory(1 << 20)])
        wait_for(lambda: gateway.metrics()["sluice_overloaded_total"] == 3, "the cuts")
        check(all(is_cut(client) for client in stalled), "the rest looks whole")
        gateway.save("memory.yaml", [memory(1 << 40)])
        wait_for(lambda: gateway.status()["overload"]["step"] == "none", "the end")
        equal(len(gateway.get("/").body), len(body))


@case
def each_step_gives_up_more_and_comes_back():
    with Backend(reply(200, "x")) as backend, small_gateway(backend, workers=2) as gateway:
        equal(gateway.status()["overload"]["step"], "none")
        reach(gateway, "trim")
        with gateway.client() as client:
            equal(client.get("/").get("connection"), None)
            equal(client.get("/").status, 200)
        reach(gateway, "close")
        answer = gateway.get("/")
        equal((answer.status, answer.get("connection")), (200, "close"))
        reach(gateway, "refuse")
        seen = len(gateway.records_now())
        answer = gateway.get("/")
        equal((answer.status, answer.get("retry-after")), (503, "5"))
        equal(gateway.records(seen + 1)[-1]["reason"], "overloaded")
        wait_for(lambda: gateway.metrics()["sluice_overloaded_total"] >= 1, "the count")
        reach(gateway, "reset")
        kept_out(gateway, "memory")
        equal(gateway.metrics()["sluice_overload_step"], 4)
        equal(gateway.admin("GET", "/probes/liveness").status, 200)
        gateway.save("memory.yaml", [memory(1 << 40)])
        wait_for(lambda: gateway.status()["overload"]["step"] == "none", "the end")
        answer = gateway.get("/")
        equal((answer.status, answer.get("connection")), (200, None))
        for step in STEPS:
            gateway.says(f'step \\"{step}\\"')


@case
def idle_connections_are_closed_early():
    with Backend(reply(200, "x")) as backend, small_gateway(backend) as gateway:
        with gateway.client() as client:
            equal(client.get("/").status, 200)
            reach(gateway, "trim")
            wait_for(client.is_closed, "the idle connection to be closed", 20)
        wait_for(lambda: gateway.metrics()["sluice_upstream_connections_idle"] == 0,
                 "the end of the pooled connection")


@case
def the_largest_is_cut_and_a_small_one_ends_well():
    """A client that reads nothing of a large answer holds a queue; one that waits for its answer
    holds a head."""
    go = threading.Event()

    def script(connection):
        while request := connection.read_request():
            if "large" in request.target:
                try:
                    connection.send(reply(200, b"x" * 30_000_000))
                except OSError:
                    return
            elif "slow" in request.target:
                go.wait(30 * SCALE)
                connection.send(reply(200, "at last"))
            else:
                connection.send(reply(200, "x"))
    with Backend(script) as backend, small_gateway(backend) as gateway:
        with gateway.client() as small, gateway.client() as large:
            small.send("GET /slow HTTP/1.1\r\nhost: h\r\n\r\n")
            large.send("GET /large HTTP/1.1\r\nhost: h\r\n\r\n")
            wait_for(lambda: gateway.status()["exchanges"] == 2, "both")
            reach(gateway, "reset")
            cut = wait_for(lambda: [r for r in gateway.records_now()
                                    if r["reason"] == "overloaded"], "the cut")
            equal(len(cut), 1)
            contains(str(cut[0]), "/large")
            go.set()
            equal(small.read().text(), "at last")


# --- streams of HTTP/2 and WebSockets ---------------------------------------------------------------

@case
def connections_of_http2_are_bounded_whatever_their_streams():
    """A stream is no connection; idle connections make room, and are told so."""
    def hold(connection):
        connection.read_request()
        go.wait(30 * SCALE)
        connection.send(reply(200, "x"))
    go = threading.Event()
    with Backend(hold) as backend, \
            Gateway([api("a", backend), limits(connections=20, connectionsPerAddress=6)]) as gateway:
        busy_one = FrameClient(gateway.port)
        for stream in range(1, 41, 2):
            busy_one.send(headers(stream))
        wait_for(lambda: gateway.status()["exchanges"] == 20, "twenty streams under way")
        equal(gateway.status()["connections"], 1)
        idle = [FrameClient(gateway.port) for _ in range(5)]
        for client in idle:
            check(client.until(SETTINGS) and client.until(SETTINGS), "its SETTINGS, and their ACK")
        kept_out(gateway, "address")
        others = [busy(gateway, 5, source=f"127.0.0.{i}") for i in (2, 3)]
        others.append([connect(gateway.port, "127.0.0.4") for _ in range(4)])
        told = select.select([client.sock for client in idle], [], [], 10 * SCALE)[0]
        made_room = [client for client in idle if client.sock in told]
        check(made_room, "nobody made room")
        equal(made_room[0].goaway(), NO_ERROR)
        equal(refused(gateway, "connections"), 0)
        go.set()
        check(busy_one.until(DATA), "the one at work is served")
        for client in [busy_one, *idle, *sum(others, [])]:
            client.close()


@case
def http2_takes_the_same_steps():
    with Backend(reply(200, "x")) as backend, small_gateway(backend) as gateway:
        reach(gateway, "close")
        with FrameClient(gateway.port) as client:
            client.send(headers(1))
            equal(client.answer(1), (200, b"x"), "keep-alive is over, the request is not")
            equal(client.goaway(), NO_ERROR)
        reach(gateway, "refuse")
        with FrameClient(gateway.port) as client:
            seen = len(gateway.records_now())
            client.send(headers(1))
            client.answer(1)
            record = gateway.records(seen + 1)[-1]
            equal((record["status"], record["reason"], record["protocol"]),
                  (503, "overloaded", "HTTP/2.0"))
            client.send(headers(3, method="POST", fields=[("content-type", "application/grpc")]))
            equal(client.answer(3)[0], 200, "gRPC is told in its words")
            equal(gateway.records(seen + 2)[-1]["grpcStatus"], "14")


@case
def streams_that_hold_much_are_cut_and_small_ones_of_the_connection_end_well():
    """The client opens no window: what is under way waits at both ends, what is over waits here."""
    go = threading.Event()

    def script(connection):
        while request := connection.read_request():
            if "large" in request.target:
                try:
                    connection.send(reply(200, b"x" * 30_000_000))
                except OSError:
                    return
            elif "slow" in request.target:
                go.wait(30 * SCALE)
                connection.send(reply(204))
            else:
                connection.send(reply(200, b"x" * 15000))
    with Backend(script) as backend, small_gateway(backend) as gateway:
        with FrameClient(gateway.port, (4, 0)) as client:
            client.send(headers(1, path="/slow") + headers(3, path="/large"))
            over = range(5, 25, 2)
            for stream in over:
                client.send(headers(stream))
            gateway.records(len(over))
            wait_for(lambda: gateway.status()["exchanges"] == 2, "the two that are under way")
            gateway.save("memory.yaml", [memory(1 << 20)])
            reset = {}
            while len(reset) < len(over) + 1:
                f = client.until(RST_STREAM)
                check(f, f"the connection has ended after {reset}")
                reset[f.stream] = f.payload[3]
            equal(reset.pop(3) != NO_ERROR, True, "the large one")
            equal(reset, {stream: ENHANCE_YOUR_CALM for stream in over})
            gateway.save("memory.yaml", [memory(1 << 40)])
            go.set()
            equal(client.answer(1)[0], 204)


@case(modes="full", seconds=90)
def silent_websockets_are_told_to_try_again_later():
    """It is memory that grows behind them, by answers that nobody takes."""
    small, big = Backend(serves(echo_frames)), Backend(reply(200, b"x" * 30_000_000))
    documents = [api("a", small), api("b", big)]
    with small, big, Gateway({"a.yaml": documents, "memory.yaml": [memory(1 << 40)]}) as gateway:
        gateway.ports = [port_of(document) for document in documents]
        reach(gateway, "trim")
        with gateway.client() as silent:
            peer, stalled = open_by(silent), []
            counts = "connections", "exchanges"
            wait_for(lambda: [gateway.status()[n] for n in counts] == [1, 1], "a connection and a request")

            def is_told():
                try:
                    stalled.append(gateway.client(gateway.ports[1], receive_buffer=4096))
                    stalled[-1].send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
                except OSError:
                    pass  # new connections are reset at the last step
                return gateway.metrics()["sluice_websockets_closed_total"] == 1
            wait_for(is_told, "the end of the WebSocket", 60)
            close = peer.read()
            equal((close.opcode, close.code), (CLOSE, 1013))
            peer.send(CLOSE, close.payload)
            wait_for(lambda: [r for r in gateway.records_now() if r["reason"] == "websocket_overloaded"],
                     "the record")
            for client in stalled:
                client.close()


main()
