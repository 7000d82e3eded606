#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The supervisor: a gateway that dies is followed at once, an upgrade loses nothing."""
import functools
import json
import os
import signal
import socket
import struct
import threading
import time

from harness import *


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return [int(c) for c in f.read().split()]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Load(Crowd):
    """Clients that keep asking. `failures` has what an upgrade may never cause; `lost` what a crash
    may: a request that had been sent when its connection ended."""

    def __init__(self, port, clients=6):
        super().__init__([functools.partial(self.run, i % 2 == 0) for i in range(clients)])
        self.port = port
        self.done, self.failures, self.lost, self.gaps = 0, [], 0, []
        self.lock = threading.Lock()

    def ask(self, client):
        """The answer; None when it was lost."""
        try:
            return client.get("/")
        except (Closed, TimedOut, OSError):
            with self.lock:
                self.lost += 1
            return None

    def connect(self):
        try:
            return Client(self.port, timeout=10)
        except OSError as e:
            self.failures.append(f"connect: {e!r}")
            return None

    def run(self, keeps_alive):
        client = None
        while not self.stop.is_set():
            client = client or self.connect()
            if client is None:
                continue
            answer = self.ask(client)
            if answer is not None and answer.status == 200:
                with self.lock:
                    self.done += 1
            elif answer is not None:
                self.failures.append(f"status {answer.status}")
            if answer is None or not keeps_alive or answer.get("connection") == "close":
                client.close()
                client = None
            time.sleep(0.002)


def supervisor_status(gateway):
    return gateway.status()["supervisor"]


def serving_pid(gateway):
    """Of whoever answers the admin socket; None while nobody does."""
    try:
        return gateway.status()["pid"]
    except (OSError, Closed, TimedOut):
        return None


def upgrade(gateway):
    """SIGUSR2, until another gateway serves and the one before is gone."""
    before = gateway.status()["pid"]
    gateway.signal(signal.SIGUSR2)
    after = wait_for(lambda: (p := serving_pid(gateway)) != before and p, "a new gateway", 30)
    return before, after


@case
def the_supervisor_is_not_the_one_that_serves():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        status = gateway.status()
        equal(status["supervisor"]["pid"], gateway.process.pid)
        check(status["pid"] != gateway.process.pid, "two processes")
        equal(children(gateway.process.pid), [status["pid"]])
        with open(f"/proc/{gateway.process.pid}/maps") as f:
            maps = f.read()
        for library in ("libssl", "libevent", "libjansson"):
            check(library not in maps, f"the supervisor has {library} loaded")


@case(seconds=120)
def a_killed_gateway_is_followed_at_once():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], workers=2) as gateway:
        with Load(gateway.port) as load:
            for i in range(5):
                before = load.done
                wait_for(lambda: load.done > before + 20, "answers before the kill")
                pid = gateway.pid()
                os.kill(pid, signal.SIGKILL)
                wait_for(lambda: (p := serving_pid(gateway)) and p != pid, "the next gateway")
        equal(load.failures[:5], [])
        check(load.lost <= 5 * 6, f"{load.lost} requests lost by 5 kills of 6 clients")
        status = supervisor_status(gateway)
        equal((status["restarts"], status["crashes"]), (5, 5))
        equal([c["signal"] for c in status["lastCrashes"]], [9] * 5)
        check(not status["quarantined"], "a kill from outside accuses nobody")


@case
def a_connection_waits_for_the_next_gateway():
    """Between two gateways the socket is still there: who connects waits, and is served."""
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        pid = gateway.pid()
        os.kill(gateway.process.pid, signal.SIGSTOP)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not is_alive(pid), "the end of the gateway")
        client = gateway.client()
        client.send("GET / HTTP/1.1\r\nhost: h\r\n\r\n")
        os.kill(gateway.process.pid, signal.SIGCONT)
        equal(client.read().status, 200)


@case
def a_gateway_whose_supervisor_died_drains():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        pid = gateway.pid()
        gateway.process.kill()
        gateway.process.wait()
        wait_for(lambda: not is_alive(pid), "the end of the gateway")
        gateway.start()
        gateway.wait_until_ready()
        equal(gateway.get("/").status, 200)


@case
def two_do_not_share_a_state_folder():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        done = sluice("run", "--config", gateway.config, "--state", gateway.state)
        equal(done.returncode, 1)
        contains(done.stderr, "another sluice runs")
        equal(gateway.get("/").status, 200)


@case
def only_what_is_allowed_is_listened_on():
    with Backend(reply(200, "x")) as backend:
        good, bad = free_port(), free_port()
        files = {"good.yaml": [api("good", backend, port=good)],
                 "bad.yaml": [api("bad", backend, port=bad)]}
        with Gateway(files, options=["--listen-allow", f"0.0.0.0:{good}-{good}"]) as gateway:
            equal(gateway.get("/", port=good).status, 200)
            check(not is_listening(bad), "somebody listens on what is not allowed")
            contains(json.dumps(gateway.status()["problems"]), "--listen-allow")


@case(serial=True, seconds=120)
def an_upgrade_loses_nothing():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], workers=2) as gateway:
        with Load(gateway.port) as load:
            for _ in range(5):
                before, after = upgrade(gateway)
                check(is_alive(after), "the new one serves")
                wait_for(lambda: not is_alive(before), "the end of the old one", 30)
        equal((load.failures[:5], load.lost), ([], 0))
        check(load.done > 100, "too little load")
        status = wait_for(lambda: (s := supervisor_status(gateway))["upgrades"] == 5 and s, "5 upgrades")
        equal((status["pid"], status["crashes"]), (gateway.process.pid, 0))


@case(modes="full", serial=True, seconds=900)
def fifty_kills_cost_only_what_was_under_way():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], workers=2) as gateway:
        times = []
        with Load(gateway.port, 8) as load:
            for i in range(50):
                time.sleep(1)
                pid = gateway.pid()
                os.kill(pid, signal.SIGKILL)
                began = time.monotonic()
                with Client(gateway.port, timeout=10) as client:
                    equal(client.get("/").status, 200)
                times.append((time.monotonic() - began) * 1000)
        times.sort()
        print(f"    50 kills: {load.done} answers, {load.lost} lost, {len(load.failures)} failed; next "
              f"answer after {times[25]:.0f} ms (median), {times[-1]:.0f} ms (worst)")
        equal(load.failures[:5], [])
        check(load.lost <= 50 * 8, f"{load.lost} lost")


@case(serial=True)
def other_numbers_of_workers_lose_no_connection():
    """One worker per processor: taking one away and giving it back changes how many there are, and
    so how many sockets of an address each has."""
    processors = sorted(os.sched_getaffinity(0))
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], workers=None) as gateway:
        with Load(gateway.port) as load:
            for wanted in (processors[:1], processors, processors[:1]):
                os.sched_setaffinity(gateway.process.pid, wanted)
                upgrade(gateway)
                equal(gateway.status()["workers"], len(wanted))
        equal((load.failures[:5], load.lost), ([], 0))
        # Every socket has its worker: with one left idle some of these would wait for ever.
        for _ in range(40):
            equal(gateway.get("/").status, 200)


def trail_of(pid):
    """The supervisor's descriptor of what a gateway would leave behind."""
    folder = f"/proc/{pid}/fd"
    return next(f"{folder}/{fd}" for fd in os.listdir(folder)
                if "sluice-trail" in os.readlink(f"{folder}/{fd}"))


@case
def a_gateway_that_spoils_what_it_shares_hinders_no_upgrade():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        with open(trail_of(gateway.process.pid), "r+b", buffering=0) as trail:
            trail.write(b"\xff" * 4096)
        _before, after = upgrade(gateway)
        equal(gateway.get("/").status, 200)
        equal(serving_pid(gateway), after)


def answers(gateway, port):
    try:
        return gateway.get("/", port=port).status == 200
    except (OSError, Closed, TimedOut):
        return False


def is_waiting(gateway):
    """Its main thread answers nobody."""
    try:
        with Client(f"{gateway.state}/admin.sock", timeout=1) as client:
            client.request("GET", "/status", {"connection": "close"})
        return False
    except TimedOut:
        return True


@case(modes="full", seconds=180)
def a_late_answer_of_the_supervisor_is_of_no_other_address():
    asked, wanted = free_port(), free_port()
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        gateway.signal(signal.SIGSTOP)
        gateway.write("more.yaml", [api("b", backend, port=asked)])
        wait_for(lambda: "the supervisor does not answer" in gateway.error_text(),
                 "the end of its patience", 60)
        gateway.write("more.yaml", [api("c", backend, port=wanted)])
        wait_for(lambda: is_waiting(gateway), "the second question", 60)
        gateway.signal(signal.SIGCONT)
        wait_for(lambda: answers(gateway, wanted), "the port that was wanted")


@case(modes="full", seconds=180)
def who_is_to_take_over_and_does_not_is_replaced():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], options=["--standby"]) as gateway:
        first = gateway.status()["pid"]
        standby = wait_for(lambda: [p for p in children(gateway.process.pid) if p != first],
                           "a standby")[0]
        os.kill(standby, signal.SIGSTOP)
        os.kill(first, signal.SIGKILL)
        wait_for(lambda: (p := serving_pid(gateway)) and p not in (first, standby),
                 "another one", 120)
        equal(gateway.get("/").status, 200)
        gateway.says("does not take over")


@case(seconds=120)
def a_supervisor_that_is_slow_loses_no_word():
    """Ports that are given up while it listens to nobody are closed once it does."""
    with Backend(reply(200, "x")) as backend:
        ports = [free_port() for _ in range(500)]
        files = {"a.yaml": [api("kept", backend)],
                 "b.yaml": [api(f"gone{i}", backend, port=p) for i, p in enumerate(ports)]}
        with Gateway(files) as gateway:
            equal(len(gateway.status()["listeners"]), 501)
            gateway.signal(signal.SIGSTOP)
            gateway.remove("b.yaml")
            wait_for(lambda: len(gateway.status()["listeners"]) == 1, "the smaller folder")
            gateway.signal(signal.SIGCONT)
            wait_for(lambda: not any(is_listening(p) for p in ports), "closed ports", 20)
            equal(gateway.get("/").text(), "x")


@case
def an_upgrade_that_cannot_serve_leaves_the_old_gateway():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        pid = gateway.status()["pid"]
        os.rename(gateway.config, gateway.config + ".away")
        gateway.signal(signal.SIGUSR2)
        wait_for(lambda: supervisor_status(gateway).get("upgradeError"), "a reason", 30)
        equal(gateway.status()["pid"], pid)
        equal(gateway.get("/").status, 200)
        os.rename(gateway.config + ".away", gateway.config)
        _, after = upgrade(gateway)
        check(after != pid, "the next upgrade works")
        wait_for(lambda: not supervisor_status(gateway).get("upgradeError"), "and says so")


@case(serial=True)
def who_takes_over_has_the_probes_and_the_plan():
    probe = {"enabled": True, "address": "127.0.0.1", "port": free_port()}
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend), configuration("gateway", {"probe": probe})]) as gateway:
        for _ in range(2):
            equal(gateway.get("/probes/readiness", port=probe["port"]).status, 200)
            equal([a["name"] for a in gateway.admin("GET", "/dump").json()["apis"]], ["a"])
            before, _after = upgrade(gateway)
            wait_for(lambda: before not in children(gateway.process.pid), "the old one is gone")
        equal(gateway.get("/probes/readiness", port=probe["port"]).status, 200)
        equal([a["name"] for a in gateway.admin("GET", "/dump").json()["apis"]], ["a"])


@case(serial=True)
def who_stands_by_takes_over():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], options=["--standby"]) as gateway:
        wait_for(lambda: len(children(gateway.process.pid)) == 2, "a standby")
        for i in range(3):
            first = gateway.status()["pid"]
            standby = wait_for(lambda: [p for p in children(gateway.process.pid) if p != first],
                               "the standby")[0]
            wait_for(lambda: gateway.error_text().count(" serves: ") >= 2 + i, "it is warm")
            os.kill(first, signal.SIGKILL)
            equal(gateway.get("/").status, 200)
            wait_for(lambda: serving_pid(gateway) == standby, "the standby serves")
        gateway.save("more.yaml", [api("b", backend, base="/b")])


@case
def signals_reach_the_gateway():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        generation = gateway.generation()
        gateway.signal(signal.SIGHUP)
        wait_for(lambda: gateway.generation() > generation, "SIGHUP reads the folder")
        gateway.get("/")
        gateway.records(1)
        os.rename(gateway.log_path, gateway.log_path + ".1")
        gateway.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(gateway.log_path), "SIGUSR1 reopens the log")


class Unheard(Gateway):
    """Its standard error is a pipe that nobody reads; `pipe` holds the reading end."""

    def start(self):
        os.mkfifo(self.error_path)
        self.pipe = os.open(self.error_path, os.O_RDWR | os.O_NONBLOCK)
        super().start()

    def fill(self):
        try:
            while True:
                os.write(self.pipe, b"x" * 4096)
        except BlockingIOError:
            pass

    def error_text(self):
        return ""


def survives_a_kill(gateway):
    pid = gateway.pid()
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not is_alive(pid), "its end")
    equal(gateway.get("/").status, 200)
    check(serving_pid(gateway) != pid, "another gateway")


@case
def a_log_whose_reader_is_gone_ends_nobody():
    with Backend(reply(200, "x")) as backend, Unheard([api("a", backend)]) as gateway:
        os.close(gateway.pipe)
        survives_a_kill(gateway)


@case
def a_log_whose_reader_has_stopped_holds_nobody_up():
    with Backend(reply(200, "x")) as backend, Unheard([api("a", backend)]) as gateway:
        gateway.fill()
        survives_a_kill(gateway)


@case
def systemd_hears_how_it_goes():
    path = f"{scratch()}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20 * SCALE)
        with Backend(reply(200, "x")) as backend, \
                Gateway([api("a", backend)], env={"NOTIFY_SOCKET": path}) as gateway:
            equal(listener.recv(100), b"READY=1")
            gateway.stop()
            equal(listener.recv(100), b"STOPPING=1")


main()
