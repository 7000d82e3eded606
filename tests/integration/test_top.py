#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sluicectl top: what a gateway carries, once, as JSON, and in a terminal."""
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import termios
import threading

from harness import *
from harness.cases import BUILD, SCALE
from harness.gateway import environment


class Traffic:
    """Requests without a pause, on a thread, while the block runs."""

    def __init__(self, gateway, *ports):
        self.gateway, self.ports, self.ended = gateway, ports, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.ended.is_set():
            for port in self.ports:
                self.gateway.get("/", port=port)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


class Terminal:
    """A program in a terminal of 30 lines."""

    def __init__(self, *args):
        self.fd, child = pty.openpty()
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 120, 0, 0))
        self.before = termios.tcgetattr(child)
        self.process = subprocess.Popen([f"{BUILD}/bin/sluicectl", *args], stdin=child,
                                        stdout=child, stderr=child, env=environment())
        self.child, self.text = child, ""

    def read(self):
        while select.select([self.fd], [], [], 0.1)[0]:
            self.text += os.read(self.fd, 65536).decode()
        return self.text

    def wait_for(self, part):
        wait_for(lambda: part in self.read(), f"{part!r} in the terminal")

    def press(self, key):
        self.text = ""
        os.write(self.fd, key.encode())

    def end(self):
        code = self.process.wait(20 * SCALE)
        self.read()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.child)
        os.close(self.fd)


def two_apis(backend):
    block = {"policyRef": {"name": "ip-blocklist"}, "config": {"ips": ["127.0.0.1"]}}
    return [api("busy", backend), api("quiet", backend), api("shut", backend, policies=[block])]


def look_with_requests(gateway):
    """One look; None when this machine was too busy for a request within it."""
    done = sluicectl("top", "--json", "--state", gateway.state)
    equal((done.returncode, done.stderr), (0, ""))
    seen = json.loads(done.stdout)
    names = {a["name"] for a in seen["apis"] if a["requestsPerSecond"] > 0}
    has_service = any(s["requestsPerSecond"] > 0 for s in seen["services"])
    return seen if has_service and names == {"default/busy", "default/shut"} else None


@case
def one_look_as_json():
    with Backend(reply(503, "x")) as backend, Gateway(two_apis(backend)) as gateway:
        with Traffic(gateway, gateway.ports[0], gateway.ports[2]):
            wait_for(lambda: len(gateway.records_now()) > 5, "traffic")
            seen = wait_for(lambda: look_with_requests(gateway), "a second with requests")
        check(seen["seconds"] > 0, "time goes on")
        apis = {a["name"]: a for a in seen["apis"]}
        check(apis["default/busy"]["requestsPerSecond"] > 0, "requests")
        equal(apis["default/busy"]["errorRatio"], 1)
        equal(apis["default/shut"]["errorRatio"], 0)
        busy = apis["default/busy"]
        check(0 < busy["p50Ms"] <= busy["p95Ms"] <= busy["p99Ms"], "quantiles ascend")
        equal((apis["default/quiet"]["requestsPerSecond"], apis["default/quiet"]["p50Ms"]), (0, None))
        service = [s for s in seen["services"] if s["requestsPerSecond"] > 0]
        equal([s["errorRatio"] for s in service], [1])
        equal(seen["configErrors"], 0)
        equal([w["worker"] for w in seen["workers"]], [0])
        check(0 <= seen["workers"][0]["cpuShare"] < 2, "a share of one processor")
        check(seen["workers"][0]["lagMs"] >= 0, "its lag")
        equal(seen["problems"], [])
        check(seen["memoryBytes"] > 1e6, "memory")


@case
def one_look_as_text():
    with Backend(reply(200, "x")) as backend, Gateway(two_apis(backend)) as gateway:
        done = sluicectl("top", "--once", "--state", gateway.state)
        equal((done.returncode, done.stderr), (0, ""))
        for part in ("API ", "SERVICE ", "REQ/S", "default/busy", "default/quiet"):
            contains(done.stdout, part)
        check("\033" not in done.stdout, "nothing for a terminal")


@case
def breakers_and_problems_are_shown():
    released = threading.Event()

    def script(connection):
        while connection.read_request():
            released.wait(60)
            connection.send(reply(200, "x"))

    with Backend(script) as backend:
        guarded = api("guarded", backend)
        breaker = binding("b", "circuit-breaker", {"thresholds": {"maxConnections": 7, "maxRequests": 1}},
                          target="guarded-up", kind="Service")
        wrong = api("wrong", backend, policies=[{"policyRef": {"name": "cros"}}])
        with Gateway([guarded, breaker, wrong]) as gateway, gateway.client() as client:
            client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            wait_for(lambda: sum(v for k, v in gateway.metrics().items()
                                 if k.startswith("sluice_service_requests_active")) == 1, "it is under way")
            look = sluicectl("top", "--once", "--state", gateway.state).stdout
            contains(look, "maxRequests 1/1!")
            contains(look, "maxConnections 1/7 ")
            contains(look, "PROBLEMS")
            contains(look, "gateway.yaml:")
            contains(look, "did you mean")
            seen = json.loads(sluicectl("top", "--json", "--state", gateway.state).stdout)
            taken, = [s["circuitBreaker"] for s in seen["services"] if "circuitBreaker" in s]
            equal(taken, {"maxConnections": {"max": 7, "taken": 1}, "maxRequests": {"max": 1, "taken": 1}})
            equal({p["severity"] for p in seen["problems"]}, {"error"})
            released.set()
            equal(client.read().status, 200)


@case
def a_terminal_shows_what_goes_on():
    with Backend(reply(200, "x")) as backend, Gateway(two_apis(backend)) as gateway, \
            Terminal("top", "--state", gateway.state) as terminal:
        with Traffic(gateway, gateway.ports[1]):
            terminal.wait_for("default/quiet")
            terminal.wait_for("sort: requests")
            terminal.wait_for("LAG MS")
            terminal.press("s")
            terminal.wait_for("sort: errors")
            terminal.press("p")
            terminal.wait_for("paused")
            terminal.press("p")
            terminal.wait_for("p pause\r\n")
        terminal.press("q")
        equal(terminal.end(), 0)
        contains(terminal.text, "\033[?25h", "the cursor is back")
        equal(termios.tcgetattr(terminal.child), terminal.before, "the terminal is as it was")


@case
def a_signal_leaves_the_terminal_as_it_was():
    with Backend(reply(200, "x")) as backend, Gateway(two_apis(backend)) as gateway, \
            Terminal("top", "--state", gateway.state) as terminal:
        terminal.wait_for("default/busy")
        terminal.process.terminate()
        equal(terminal.end(), 0)
        equal(termios.tcgetattr(terminal.child), terminal.before)


@case
def without_a_gateway_it_says_so():
    for options in ((), ("--once",), ("--json",)):
        done = sluicectl("top", *options, "--state", scratch("none"))
        equal(done.returncode, 3)
        contains(done.stderr, "no gateway runs")


main()
