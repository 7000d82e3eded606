# SPDX-License-Identifier: Apache-2.0
"""Reads tests/probes (its README.md says the format) and runs a probe against a gateway."""
import glob
import os
import re
import zlib

from .backend import Backend, reply
from .cases import TOP, equal, one_of
from .wire import Closed, to_bytes

FOLDER = f"{TOP}/tests/probes"
ESCAPES = {"r": "\r", "n": "\n", "t": "\t", "0": "\0", "\\": "\\"}


def unescape(text):
    """Bytes, as a str of code points below 256."""
    out, at = [], 0
    while at < len(text):
        if text[at] != "\\":
            out.append(text[at])
            at += 1
        elif text[at + 1] == "x":
            out.append(chr(int(text[at + 2:at + 4], 16)))
            at += 4
        elif text[at + 1] == "*":
            times, open_at = re.match(r"(\d+)\(", text[at + 2:])[1], text.index("(", at)
            depth, end = 1, open_at + 1
            while depth:
                depth += {"(": 1, ")": -1}.get(text[end], 0)
                end += 1
            out.append(unescape(text[open_at + 1:end - 1]) * int(times))
            at = end
        else:
            out.append(ESCAPES[text[at + 1]])
            at += 2
    return "".join(out)


class Expected:
    """Of one answer or of one request that arrives."""

    def __init__(self, words):
        self.words = words
        self.has, self.lacks, self.body = [], [], None

    def check(self, message, what):
        for name, value in self.has:
            equal(message.get(name), value, f"{what}: {name}")
        for name in self.lacks:
            equal(message.get(name), None, f"{what}: {name}")
        if self.body is not None:
            equal(message.body, to_bytes(self.body), f"{what}: body")


class Probe:
    def __init__(self, name, place):
        self.name, self.place = name, place
        self.refs, self.api = [], "default"
        self.sent, self.answer = "", None
        self.ends = self.origin_ends = False
        self.answers, self.requests = [], []
        self.origin = None       # "nothing", "cut", or None: just `requests`
        self.connection = None   # "close" or "open"
        self.upstream = None     # "reused" or "discarded"

    def take(self, word, rest):
        if word in (">", ">>"):
            self.sent += unescape(rest) + ("\r\n" if word == ">" else "")
        elif word in ("<", "<<"):
            self.answer = (self.answer or "") + unescape(rest) + ("\r\n" if word == "<" else "")
        elif word == "ref":
            self.refs = [r.strip() for r in rest.split(",")]
        elif word == "api":
            self.api = rest
        elif word == "end":
            self.ends = True
        elif word == "origin-end":
            self.origin_ends = True
        elif word in ("reused", "discarded"):
            self.upstream = word
        elif word == "expect":
            self._take_answer(rest.split())
        elif word == "origin":
            self._take_request(rest.split())
        else:
            self._take_detail(word, rest)

    def _take_answer(self, words):
        if words[-1] in ("close", "open"):
            self.connection = words.pop()
        self.answers.append(Expected(words))

    def _take_request(self, words):
        if words[0] in ("nothing", "cut"):
            self.origin = words[0]
        else:
            self.requests.append(Expected(words))

    def _take_detail(self, word, rest):
        place, word = (self.answers, word[7:]) if word.startswith("answer-") \
            else (self.requests, word)
        if word == "has":
            name, _, value = rest.partition(":")
            place[-1].has.append((name, unescape(value.strip())))
        elif word == "lacks":
            place[-1].lacks.append(rest)
        elif word == "body":
            place[-1].body = unescape(rest)
        else:
            raise ValueError(f"{self.place}: what is {word!r}?")


def read_probes(name):
    """The probes of tests/probes/NAME.txt."""
    probes = []
    with open(f"{FOLDER}/{name}.txt", encoding="ascii") as f:
        for number, line in enumerate(f.read().split("\n"), 1):
            word, _, rest = line.partition(" ")
            if word == "probe":
                probes.append(Probe(rest, f"{name}.txt:{number}"))
            elif word and word != "#":
                probes[-1].take(word, rest)
    for p in probes:
        if not p.sent or not p.answers or not p.refs or not (p.origin or p.requests):
            raise ValueError(f"{p.place}: the probe {p.name!r} is not whole")
    return probes


def file_names():
    return sorted(os.path.basename(p)[:-4] for p in glob.glob(f"{FOLDER}/*.txt"))


# --- the origin ------------------------------------------------------------------------------


class RecordingOrigin(Backend):
    """Keeps every byte; answers a request with its target, or as the probe says."""

    def __init__(self):
        super().__init__(self._serve_one)
        self.whole = []         # requests that came whole, in order
        self.answer = None      # of the next request that is not /follow-up
        self.answers_early = self.closes = False

    def _serve_one(self, connection):
        while request := connection.read_head():
            at = connection.reader.at - len(request.head_raw)
            scripted = self.answer if not request.target.startswith("/follow-up") else None
            if scripted is not None and self.answers_early:
                # Before the answer goes: behind it the next probe may set this anew.
                early, scripted, self.answers_early = scripted, b"", False
                connection.send(early)
            connection.read_body(request)
            self._judge(request, connection.raw[at:connection.reader.at])
            self.whole.append(request)
            if scripted is None:
                connection.send(reply(200, "", {"x-target": request.target}))
            else:
                self.answer = None
                connection.send(scripted)
                if self.closes:
                    return

    def _judge(self, request, raw):
        """The bytes are those that a careful writer gives for this request, and no others."""
        lines = raw[:raw.index(b"\r\n\r\n")].split(b"\r\n")
        names = [line.partition(b":")[0] for line in lines[1:]]
        values = [line.partition(b": ")[2] for line in lines[1:]]
        head = lines[0] + b"".join(b"\r\n%s: %s" % pair for pair in zip(names, values))
        if head + b"\r\n\r\n" != request.head_raw:
            self.note_problem(f"a head that is not canonical: {request.head_raw!r}")
        if any(v != v.strip(b" \t") for v in values):
            self.note_problem(f"white space around a value: {request.head_raw!r}")
        body = raw[len(request.head_raw):]
        if request.get("transfer-encoding") != "chunked" and body != request.body:
            self.note_problem(f"a body that is not what its length says: {raw!r}")
        for line in re.findall(rb"(?:^|\r\n)([^\r\n]*)(?=\r\n)", body) if request.has(
                "transfer-encoding") and not request.body else []:
            if line not in (b"0", b""):
                self.note_problem(f"chunked framing that is not canonical: {body!r}")


# --- running ---------------------------------------------------------------------------------


class Runner:
    """One gateway with one worker, the APIs by name, and a way to know that it has read what was
    sent: when another client's request is answered that was sent later, it has."""

    def __init__(self, gateway, origin, ports, barrier_port):
        self.gateway, self.origin, self.ports = gateway, origin, ports
        self.barrier_port, self.barrier = barrier_port, None
        self.follow_ups = self.forwarded = 0

    def wait_until_read(self):
        if self.barrier is None:
            self.barrier = self.gateway.client(self.barrier_port)
        equal(self.barrier.get("/").status, 404, "the barrier")

    def run(self, probe, cut=None):
        """Sends the probe whole, or in two pieces."""
        origin, raw = self.origin, to_bytes(probe.sent)
        whole, heads = len(origin.whole), len(origin.requests)
        origin.answer = None if probe.answer is None else to_bytes(probe.answer)
        origin.answers_early = probe.origin == "cut"
        origin.closes = probe.origin_ends
        with self.gateway.client(self.ports[probe.api]) as client:
            if cut is None:
                client.send(raw)
            else:
                client.send(raw[:cut])
                self.wait_until_read()
                client.send(raw[cut:])
            if probe.ends:
                client.half_close()
            self._read_answers(probe, client)
            self._check_connection(probe, client)
        self._follow_up()
        self._check_origin(probe, origin.whole[whole:], origin.requests[heads:])

    def _read_answers(self, probe, client):
        for n, expected in enumerate(probe.answers):
            method = "HEAD" if "head" in expected.words else "GET"
            statuses = expected.words[0].split("|")
            try:
                answer = client.read(method)
            except Closed as e:
                one_of("cut", statuses, f"answer {n + 1} did not end ({e})")
                continue
            one_of(str(answer.status), statuses, f"answer {n + 1}")
            expected.check(answer, f"answer {n + 1}")

    def _check_connection(self, probe, client):
        if probe.connection == "close":
            equal(client.is_closed(), True, "the connection is closed")
        elif probe.connection == "open":
            equal(client.get("/follow-up/same").get("x-target"), "/follow-up/same")
            self.follow_ups += 1

    def _follow_up(self):
        """Another client's request gets its own answer."""
        self.follow_ups += 1
        target = f"/follow-up/{self.follow_ups}"
        answer = self.gateway.get(target, port=self.ports["default"])
        equal((answer.status, answer.get("x-target")), (200, target), "the next client")

    def _check_origin(self, probe, whole, heads):
        came = [r for r in whole if not r.target.startswith("/follow-up")]
        begun = [r for r in heads if not r.target.startswith("/follow-up")]
        equal([(r.method, r.target) for r in came],
              [(e.words[0], e.words[1]) for e in probe.requests], "the origin got")
        self.forwarded += len(came)
        for expected, request in zip(probe.requests, came):
            expected.check(request, f"{request.method} {request.target}")
        if probe.origin == "nothing":
            equal(begun, [], "heads that the origin got")
        if probe.upstream:
            later = [r.connection for r in heads if r is not begun[0]]
            equal(begun[0].connection in later, probe.upstream == "reused",
                  f"its connection is {probe.upstream}")


def positions(probe, every):
    """Where to cut it: at each byte, or at a few that depend on its text alone."""
    n = len(probe.sent)
    if every and n <= 2000:
        return range(1, n)
    count = 200 if every else 3
    picked = zlib.crc32(probe.name.encode())
    return sorted({1 + (picked * (i + 1) * 2654435761 >> 7) % max(1, n - 1) for i in range(count)})
