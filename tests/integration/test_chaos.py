#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Faults of all kinds at random under load, one after the other, and what has to hold all the while.

  - The API under load is right, but for what was under way, or came, while a gateway died or had no
    descriptors; and the books of client, origin and gateway agree.
  - Nobody gets another's answer. Whoever has no password is never let in.
  - The admin socket answers whenever a gateway serves, and nothing else ends a gateway.

The seed and the timeline are printed; $SLUICE_CHAOS_SEED runs one again."""
import os
import random
import resource
import signal
import socket
import threading
import time

from harness import *
from harness.cases import HOSTILE, SANITIZER
from harness.documents import to_yaml
from harness.ledger import Books, LedgerOrigin, Load

LOGIN = {"policyRef": {"name": "http-basic-authentication"},
         "config": {"username": "u", "password": "p"}}
# Records of the last moments before a death are in memory that is gone.
RECORDS_MS = 3000


def now_ms():
    return time.monotonic() * 1000


class Watch(threading.Thread):
    """Asks without a password, all the time."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port, self.refused, self.let_in, self.is_over = port, 0, [], threading.Event()

    def run(self):
        while not self.is_over.wait(0.02):
            try:
                with Client(self.port, timeout=5) as client:
                    status = client.get("/secret").status
            except (OSError, Closed, TimedOut):
                continue
            self.refused += status == 401
            if status < 400:
                self.let_in.append(status)


class Chaos:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.origin, self.ill = LedgerOrigin(), Backend(self.be_ill)
        self.port, self.round = free_port(), 0
        self.ports = {name: free_port() for name in ("guarded", "ill", "crash", "flip")}
        self.gateway = Gateway({"a.yaml": [api("a", self.origin, port=self.port)],
                                "guarded.yaml": [api("guarded", self.ill, policies=[LOGIN],
                                                     port=self.ports["guarded"])],
                                "crash.yaml": [api("crash", self.ill, port=self.ports["crash"],
                                                   policies=[{"policyRef": {"name": "hostile"},
                                                              "config": {}}])],
                                "ill.yaml": [api("ill", self.ill, port=self.ports["ill"])]},
                               workers=2, options=["--plugins", HOSTILE, "--crash-budget", "1000"])
        self.logs = [self.gateway.log_path]
        self.windows, self.deaths, self.expected, self.timeline = [], [], 0, []
        self.began = now_ms()

    def be_ill(self, connection):
        """Answers, or resets, breaks off, or says nothing for a while."""
        while connection.read_request():
            how = random.randrange(5)
            if how == 0:
                return connection.reset()
            if how == 1:
                connection.send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
                return None
            if how == 2:
                time.sleep(0.3)
            connection.send(reply(200, "x"))

    # --- what happens ---
    def reload(self):
        """Good, with an API that comes and goes and another policy each time."""
        self.round += 1
        if self.round % 3 == 0:
            self.gateway.remove("flip.yaml")
            self.gateway.signal(signal.SIGHUP)
            return
        header = {"policyRef": {"name": "header-injection"}, "config": {
            "outboundHeaders": [{"key": "x-round", "value": str(self.round)}]}}
        self.gateway.write("flip.yaml", to_yaml([api("flip", self.ill, port=self.ports["flip"],
                                                     policies=[header])]))
        self.gateway.signal(signal.SIGHUP)

    def bad_reload(self):
        self.gateway.write("bad.yaml", "kind: [unclosed\n  - x: {")
        self.gateway.admin("POST", "/reload")
        time.sleep(0.3)
        self.gateway.remove("bad.yaml")

    def dies(self, began, pid):
        """The gateway `pid` has ended or does now; until the next one serves."""
        self.deaths.append(began)
        self.expected += 1
        wait_for(lambda: self.serving() not in (None, pid), "the next gateway", 20)
        self.windows.append((began, now_ms() + 1000))

    def serving(self):
        try:
            status = self.gateway.status()
            return status["pid"] if status["generation"] else None
        except (OSError, Closed, TimedOut):
            return None

    def kill(self):
        pid, began = self.gateway.status()["pid"], now_ms()
        os.kill(pid, signal.SIGKILL)
        self.dies(began, pid)

    def crash(self):
        pid, began = self.gateway.status()["pid"], now_ms()
        with Client(self.ports["crash"], timeout=20) as client:
            client.send(f"GET / HTTP/1.1\r\nhost: h\r\nx-hostile: "
                        f"{'abort' if SANITIZER else 'null'}\r\n\r\n")
            check(client.is_closed(), "it goes on")
        self.dies(began, pid)

    def upgrade(self):
        """Nothing may be lost: no window."""
        pid = self.gateway.status()["pid"]
        self.gateway.signal(signal.SIGUSR2)
        wait_for(lambda: self.serving() not in (None, pid), "the upgraded gateway", 60)

    def starve(self):
        pid, began = self.gateway.status()["pid"], now_ms()
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (16, limits[1]))
        time.sleep(1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        self.windows.append((began, now_ms() + 2000))

    def slow_clients(self):
        sockets = []
        for _ in range(200):
            s = socket.create_connection(("127.0.0.1", self.port), 10)
            s.sendall(b"GET / HTTP/1.1\r\nhos")
            sockets.append(s)
        time.sleep(0.5)
        for s in sockets:
            s.close()

    def ill_upstream(self):
        for _ in range(20):
            try:
                with Client(self.ports["ill"], timeout=5) as client:
                    one_of(client.get("/").status, (200, 502, 503, 504), "an ill upstream")
            except (OSError, Closed, TimedOut):
                pass

    def rotate(self):
        # Each line stands in one of the two files.
        old = f"{self.gateway.log_path}.{len(self.logs)}"
        os.rename(self.gateway.log_path, old)
        self.logs.append(old)
        self.gateway.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(self.gateway.log_path), "the new log")

    ACTIONS = ("reload", "reload", "bad_reload", "kill", "crash", "upgrade", "starve",
               "slow_clients", "ill_upstream", "rotate")

    def run(self, seconds):
        end = now_ms() + seconds * 1000
        while now_ms() < end:
            time.sleep(self.random.uniform(1, 2.5))
            name = self.random.choice(self.ACTIONS)
            self.timeline.append(f"{(now_ms() - self.began) / 1000:.1f} {name}")
            getattr(self, name)()
            wait_for(self.serving, f"the admin socket after {name}", 20)

    # --- what has to hold ---
    def is_excused(self, begin, end):
        return any(begin <= late and end >= early for early, late in self.windows)

    def judge(self, load):
        rows_of = {row[0]: row for row in load.rows()}
        failed = [r for r in rows_of.values()
                  if r[1] != "ok" and not self.is_excused(float(r[4]), float(r[6]))]
        equal(failed[:5], [], f"{len(failed)} requests failed without a reason")
        one_of({r[1] for r in rows_of.values()} & {"wrong-owner", "wrong-body", "malformed"},
               [set()], "outcomes")
        wrong = []
        for sentence in Books(load, self.origin, *self.logs).disagreements():
            nonce = sentence.split(":")[0]
            end = float(rows_of[nonce][6]) if nonce in rows_of else None
            is_lost_record = "without a record of one" in sentence and end is not None and any(
                d - RECORDS_MS <= end <= d + RECORDS_MS for d in self.deaths)
            if not is_lost_record:
                wrong.append(sentence)
        equal(wrong[:5], [], f"the books disagree about {len(wrong)}")


def chaos(seconds):
    seed = int(os.environ.get("SLUICE_CHAOS_SEED", random.randrange(1 << 31)))
    print(f"    seed {seed}")
    c = Chaos(seed)
    try:
        watch = Watch(c.ports["guarded"])
        watch.start()
        load = Load(c.port, keepalive=16, rate=50, streams=2, think=40, seed=seed)
        c.run(seconds)
        counts = load.stop()
        watch.is_over.set()
        watch.join(20)
        supervisor = c.gateway.status()["supervisor"]
        c.origin.stop()
        c.gateway.stop()
        print(f"    {len(c.timeline)} events; {counts['requests']} requests, "
              f"{counts['requests'] - counts['ok']} failed in {len(c.windows)} windows; "
              f"{c.expected} deaths; {watch.refused} times refused without a password")
        equal(supervisor["crashes"], c.expected, "deaths")
        equal(watch.let_in, [], "let in without a password")
        check(watch.refused > seconds, "the guard was asked")
        c.judge(load)
        c.gateway.judge()
    except BaseException:
        c.gateway.process.poll() is None and c.gateway.stop()
        print(f"    {c.gateway.error_text()[-3000:]}")
        raise
    finally:
        print("    " + "; ".join(c.timeline))
        c.origin.stop()
        c.ill.stop()


@case(modes="full", serial=True, seconds=240)
def a_minute_of_chaos():
    chaos(60)


@case(modes="soak", serial=True, seconds=1200)
def soak_ten_minutes_of_chaos():
    chaos(600)


main()
