# SPDX-License-Identifier: Apache-2.0
"""Load that loses nothing, and the three books that prove it (tests/tools/ledger/main.c).

    with LedgerOrigin() as origin, Gateway([api("a", origin)]) as gateway:
        load = Load(gateway.port, keepalive=64, rate=300, streams=4)
        ...                                  # reload, upgrade, kill: whatever must not hurt
        load.stop()
        origin.stop()
        books = Books(load, origin, gateway.log_path)
        books.require_no_loss(100_000)       # every request answered, whole and right; books agree

A case that may lose something looks at `load.counts` and calls `books.require_agreement()`, which
holds at any time: what the client got whole, the origin gave and the gateway recorded.
"""
import collections
import json
import os
import re
import signal
import subprocess

from .cases import SCALE, TOP, scratch
from .peers import NODE, Program
from .tools import built
from .websocket import Talkers

NONCE = re.compile(r"/n/([0-9a-f]{16})")


class _Program:
    def __init__(self, command, options):
        self.path = f"{scratch('ledger')}/{command}.tsv"
        arguments = [built("ledger"), command, "--ledger", self.path]
        for name, value in options.items():
            arguments += [f"--{name.replace('_', '-')}", str(value)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)

    def end(self, seconds):
        """What it printed since it started."""
        output, _ = self.process.communicate(timeout=seconds)
        if self.process.returncode != 0:
            raise AssertionError(f"the ledger program ended with {self.process.returncode}")
        return output

    def rows(self):
        return _rows(self.path)


def _rows(path):
    with open(path) as f:
        return [line.rstrip("\n").split("\t") for line in f]


class LedgerOrigin(_Program):
    """An upstream (it has `address`); its book is read after stop()."""

    def __init__(self, port=0):
        super().__init__("origin", {"port": port})
        self.port = int(self.process.stdout.readline().split()[1])
        self.authority = f"127.0.0.1:{self.port}"
        self.address = f"http://{self.authority}"

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            self.end(20 * SCALE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


class Load(_Program):
    """Asks through `port` until stop(), or until `seconds` or `requests` have passed. The options
    are those of `ledger load`, with _ for -: keepalive, rate, streams, uploads, body, think, …"""
    COMMAND = "load"

    def __init__(self, port, **options):
        options.setdefault("timeout", 15 * SCALE)
        super().__init__(self.COMMAND, {"port": port, **options})
        self.counts = None

    def wait(self, seconds=120):
        """Until it ends by itself: {"requests": …, "ok": …, "reset": …, "seed": …}."""
        if self.counts is None:
            self.counts = json.loads(self.end(seconds * SCALE).splitlines()[-1])
        return self.counts

    def ask_no_more(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self, seconds=60):
        if self.counts is None:
            self.ask_no_more()
        return self.wait(seconds)

    def so_far(self):
        """Requests in the book by now; it is written once a second."""
        if not os.path.exists(self.path):
            return 0
        with open(self.path, "rb") as f:
            return f.read().count(b"\n")

    def failures(self):
        """The rows of all that did not end well: nonce, outcome, status, new|reused, times."""
        return [row for row in self.rows() if row[1] != "ok"]


class H2Load(Load):
    """By HTTP/2, with `multiplex` requests at a time on each of `keepalive` connections."""
    COMMAND = "h2-load"


class CallOrigin(Program):
    """A gRPC server, as grpc-js has it, and the clients of all CallLoads (tests/peers/grpc_load.mjs)."""

    def __init__(self):
        self.path = f"{scratch('ledger')}/calls.tsv"
        self.process = subprocess.Popen(
            ["node", f"{TOP}/tests/peers/grpc_load.mjs", self.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env={**NODE, "DEADLINE_MS": str(30000 * SCALE)})
        self.authority = f"127.0.0.1:{int(self.process.stdout.readline())}"
        self.address = f"h2://{self.authority}"

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def stop(self):
        self.process.stdin.close()
        self.process.wait(20 * SCALE)

    def rows(self):
        return _rows(self.path)


class CallLoad(Load):
    """gRPC calls of all four kinds; its counts have the number of messages besides."""

    def __init__(self, origin, port):
        self.origin, self.counts = origin, None
        self.path = f"{scratch('ledger')}/call-load.tsv"
        origin.tell(f"{port} {self.path}")

    def ask_no_more(self):
        self.origin.tell("stop")

    def end(self, seconds):
        return self.origin.process.stdout.readline()


class Together:
    """Origins that stopped, as one."""

    def __init__(self, *origins):
        self.origins = origins

    def rows(self):
        return [row for origin in self.origins for row in origin.rows()]


class Loads:
    """Several that ended, as one."""

    def __init__(self, *loads):
        self.loads = loads
        self.counts = collections.Counter()
        for load in loads:
            self.counts.update({k: n for k, n in load.counts.items() if k != "seed"})
        self.counts["seed"] = [load.counts.get("seed") for load in loads]

    def rows(self):
        return [row for load in self.loads for row in load.rows()]

    def failures(self):
        return [row for load in self.loads for row in load.failures()]


class Mix:
    """What a gateway has to bear at once: kept and new connections and streaming bodies by HTTP/1.1, many
    requests on few connections by HTTP/2, WebSockets, which another port serves, and where there is a CallOrigin
    its calls, by one more port."""

    def __init__(self, port, sockets, calls=None, calls_port=None):
        self.loads = [Load(port, keepalive=64, think=40, rate=300, streams=4),
                      H2Load(port, keepalive=8, multiplex=4, think=80, streams=4)]
        if calls:
            self.loads.append(CallLoad(calls, calls_port))
        self.talkers = Talkers(sockets, 2)

    def stop(self):
        """The counts of all requests."""
        for load in self.loads:
            load.ask_no_more()
        for load in self.loads:
            load.wait(60)
        self.talkers.stop()
        return Loads(*self.loads).counts

    def story(self):
        told = []
        for load, name in zip(self.loads, ("requests by HTTP/1.1", "by HTTP/2", "calls by gRPC")):
            n = load.counts["requests"]
            told.append(f"{n} {name}, {n - load.counts.get('ok', 0)} failed")
        if len(self.loads) > 2:
            told[2] += f", {self.loads[2].counts.get('messages', 0)} messages"
        return "; ".join([*told, f"{self.talkers.messages} messages over WebSockets, closed with 1012 "
                          f"{self.talkers.restarts} times, {len(self.talkers.failures)} failed"])


class Books:
    """The client's, the origin's and the gateway's, by nonce. `logs`: paths of access logs."""

    def __init__(self, load, origin, *logs):
        self.load = load
        self.client = {row[0]: row[1] for row in load.rows()}
        self.origin = collections.defaultdict(list)
        for nonce, outcome, *_ in origin.rows():
            self.origin[nonce].append(outcome)
        self.gateway = collections.defaultdict(list)
        for path in logs:
            self._read_log(path)

    def _read_log(self, path):
        with open(path) as f:
            for line in f:
                record = json.loads(line)
                found = NONCE.search(record.get("target", ""))
                if found:
                    self.gateway[found[1]].append(record)

    def counts(self):
        """(client, origin, gateway): how many each holds for answered and whole."""
        return (sum(o == "ok" for o in self.client.values()),
                sum("whole" in o for o in self.origin.values()),
                sum(any(_is_whole(r) for r in records) for records in self.gateway.values()))

    def disagreements(self):
        """Sentences; none when the books agree about all that the client got."""
        for nonce, outcome in self.client.items():
            given, records = self.origin.get(nonce, []), self.gateway.get(nonce, [])
            if len(records) > 1:
                yield f"{nonce}: {len(records)} access records"
            if sum(o == "whole" for o in given) > 1:
                yield f"{nonce}: answered {len(given)} times by the origin"
            if "wrong-body" in given or "malformed" in given or "surplus" in given:
                yield f"{nonce}: the origin got {given}"
            if outcome == "ok" and "whole" not in given:
                yield f"{nonce}: the client has an answer that the origin did not give: {given}"
            if outcome == "ok" and not any(_is_whole(r) for r in records):
                yield f"{nonce}: the client has an answer without a record of one: {records}"
            if outcome in ("wrong-owner", "wrong-body", "malformed"):
                yield f"{nonce}: the client got {outcome}"
        # A head that was cut short has no nonce: a gateway that died sends such.
        for name, book in (("origin", self.origin), ("gateway", self.gateway)):
            for nonce in book.keys() - self.client.keys():
                if any(entry != "cut-request" for entry in book[nonce]):
                    yield f"{nonce}: nobody asked, and the {name}'s book has {book[nonce]}"

    def require_agreement(self):
        wrong = list(self.disagreements())
        if wrong:
            raise AssertionError(f"seed {self.load.counts['seed']}: the books disagree about "
                                 f"{len(wrong)}: {wrong[:10]}")

    def require_no_loss(self, at_least=1):
        """Every request ended well, and the three counts are equal."""
        counts = self.load.counts
        failures = self.load.failures()
        if failures or counts["ok"] < at_least:
            raise AssertionError(f"{len(failures)} of {counts['requests']} requests failed, "
                                 f"{at_least} had to be answered: {counts}; {failures[:10]}")
        self.require_agreement()
        if len(set(self.counts())) != 1:
            raise AssertionError(f"client, origin and gateway count {self.counts()}")


def _is_whole(record):
    return record.get("status") == 200 and record.get("reason") == "ok"
