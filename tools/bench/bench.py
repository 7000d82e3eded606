#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench.py - measures Sluice beside nginx, HAProxy and a relay, in one run.

Each proxy has one worker on core 0; the load (wrk -t1) and the backend (nginx) are on core 1. Logs
are off but where they are measured. What is measured, per request:

  CPU          microseconds of the proxy's processes (/proc schedstat) in interleaved rounds, so that
               all see the same noise: median and spread; ratios are medians of per-round ratios
  calls        system calls, by perf (raw_syscalls:sys_enter), else strace -c
  instructions user space, by callgrind: the difference of two runs that differ in requests only, so
               that start and stop cancel out
  allocations  calls of malloc, calloc and realloc in steady state, by LD_PRELOAD
  idle memory  private dirty memory per idle keep-alive connection

The plain case is a 1 KiB body over 64 keep-alive connections; 100 KiB bodies run over 16, with every
proxy's buffers tuned for them. `http2` is HTTP/2 over TLS (h2load -t1), eight streams on each of 16
connections, towards the same backend; `tls` is HTTP/1.1 over it, `handshakes` are full ones (ECDSA P-256) and nothing else, a connection
each, and `tls-idle` is the memory of idle connections that speak TLS. `log` is the plain case with an access log in a file, each in its own
format, nginx with a buffer; `eight` is Sluice alone, with and without eight policies. `four`, `jwt`, `limit`, `cache` and
`redis` are policies beside what peers have that comes closest (chains.py); `latency` is what four of them add to the 99th
percentile at half of what they could do (h2load --rps). `sdk` is Sluice alone, too: what
policies cost that only continue (twenty of them), that evaluate an expression, read two fields in a script, or ask a service
(sdk/examples/authorizer), in instructions and in CPU beside a request without any.
"""
import argparse
import glob
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import statistics
import struct
import subprocess
import sys
import tempfile
import time

import apis
import chains
from proxies import LOAD_CORE, PROXIES, Origin, Redis

AUTHORIZATION = "Authorization: Basic YmVuY2g6YmVuY2g="  # bench:bench


def cpu_ns(pids):
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(path) as f:
                    total += int(f.read().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass
    return total


class Wrk:
    """HTTP/1.1 in clear text."""
    many = re.compile(r"(\d+) requests in")
    bad = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.*)")
    rate = re.compile(r"Requests/sec: +([\d.]+)")

    @staticmethod
    def command(port, connections, seconds):
        return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", AUTHORIZATION,
                f"http://127.0.0.1:{port}/"]


class Scripted(Wrk):
    """HTTP/1.1, by turns what a script has."""

    def __init__(self, script):
        self.script = script

    def command(self, port, connections, seconds):
        return ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", self.script, f"http://127.0.0.1:{port}/"]


class WrkTls(Wrk):
    """HTTP/1.1 over TLS 1.3."""

    @staticmethod
    def command(port, connections, seconds):
        return [word.replace("http://", "https://") for word in Wrk.command(port, connections, seconds)]


class Handshakes:
    """Connections that end after a full handshake of TLS 1.3, one after the other."""
    many = re.compile(r"(\d+) connections in \d+ real")
    bad = re.compile(r"ERROR")
    rate = re.compile(r"([\d.]+) connections/user sec")

    @staticmethod
    def command(port, connections, seconds):
        return ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-tls1_3", "-time",
                str(max(seconds, 1))]


class H2load:
    """HTTP/2 over TLS 1.3, eight streams on each connection."""
    many = re.compile(r"(\d+) succeeded")
    bad = re.compile(r"[1-9]\d* failed|[1-9]\d* errored|[1-9]\d* timeout")
    rate = re.compile(r"finished in [\d.]+m?s, ([\d.]+) req/s")

    @staticmethod
    def command(port, connections, seconds):
        return ["h2load", "-t1", f"-c{connections}", "-m8", f"-D{seconds}",
                f"https://127.0.0.1:{port}/"]


def send_load(client, port, connections, seconds):
    """Requests that were answered well."""
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *client.command(port, connections, seconds)],
        capture_output=True, text=True)
    requests = client.many.search(done.stdout)
    if not requests or int(requests[1]) == 0:
        raise RuntimeError(f"the load: {done.stdout}{done.stderr}")
    if bad := client.bad.search(done.stdout):
        raise RuntimeError(f"the load: {bad[0]}")
    return int(requests[1])


class Load:
    """A fixed number of requests over keep-alive connections, a wave of one per connection."""

    def __init__(self, port, connections, tls=None):
        self.sockets = [self.connect(port, tls) for _ in range(connections)]
        self.request = (f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{AUTHORIZATION}\r\n\r\n"
                        ).encode()

    @staticmethod
    def connect(port, tls):
        """Its handshake, too: who connects and says nothing is not waited for without end."""
        s = socket.create_connection(("127.0.0.1", port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls.wrap_socket(s) if tls else s

    def wave(self):
        for s in self.sockets:
            s.sendall(self.request)
        for s in self.sockets:
            self.read(s)

    @staticmethod
    def read(s):
        got = b""
        while b"\r\n\r\n" not in got:
            piece = s.recv(65536)
            if not piece:
                raise RuntimeError("closed")
            got += piece
        head, body = got.split(b"\r\n\r\n", 1)
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"answer: {head[:60]!r}")
        length = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
        while len(body) < length:
            body += s.recv(65536)

    def send(self, requests):
        for _ in range(requests // len(self.sockets)):
            self.wave()
        return requests // len(self.sockets) * len(self.sockets)

    def close(self):
        for s in self.sockets:
            s.close()


def median_and_spread(values):
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return {"median": statistics.median(ordered), "min": ordered[0], "max": ordered[-1],
            "low": ordered[quarter], "high": ordered[-1 - quarter], "values": values}


def measure_cpu(client, proxies, connections, rounds, seconds):
    """By name, in interleaved rounds: microseconds per request, and requests per second."""
    for p in proxies:
        send_load(client, p.port, connections, 1)
    samples, rates = {p.label: [] for p in proxies}, {p.label: [] for p in proxies}
    for number in range(rounds):
        # The order turns, so that nobody always runs after the same neighbour.
        for p in proxies[number % len(proxies):] + proxies[:number % len(proxies)]:
            pids = p.pids()
            before = cpu_ns(pids)
            requests = send_load(client, p.port, connections, seconds)
            samples[p.label].append((cpu_ns(pids) - before) / 1000 / requests)
            rates[p.label].append(requests / seconds)
    return samples, rates


def percentile_of(port, connections, rate, seconds, folder, header):
    """The 99th, in microseconds, of answers at that many requests a second."""
    log = f"{folder}/latency"
    subprocess.run(["taskset", "-c", str(LOAD_CORE), "h2load", "--h1", "-t1", f"-c{connections}", f"-D{seconds}",
                    "--warm-up-time=1", f"--rps={max(rate / connections, 1):.1f}", f"--log-file={log}", "-H", header,
                    f"http://127.0.0.1:{port}/"], check=True, capture_output=True)
    with open(log) as f:
        rows = [line.split() for line in f]
    os.remove(log)
    if not rows or any(status != "200" for _, status, _ in rows):
        raise RuntimeError("the load: not every answer is a 200")
    times = sorted(int(took) for _, _, took in rows)
    return times[len(times) * 99 // 100]


def perf_calls(pids, seconds):
    done = subprocess.run(
        ["perf", "stat", "-x", ",", "-e", "raw_syscalls:sys_enter", "-p", ",".join(map(str, pids)),
         "sleep", str(seconds)], capture_output=True, text=True)
    m = re.search(r"^(\d+),[^,]*,raw_syscalls:sys_enter", done.stderr, re.M)
    return int(m[1]) if m else None


def strace_calls(pids, seconds):
    args = [a for pid in pids for a in ("-p", str(pid))]
    process = subprocess.Popen(["strace", "-c", "-f", "-q", *args], stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
    time.sleep(seconds)
    process.send_signal(signal.SIGINT)
    m = re.search(r"^ *100\.00 +\S+ +(?:\S+ +)?(\d+) .*total$", process.communicate()[1], re.M)
    return int(m[1]) if m else None


def measure_calls(client, p, connections, seconds):
    """Counts calls for a while inside a longer load; requests by the same load's rate."""
    load = subprocess.Popen(
        ["taskset", "-c", str(LOAD_CORE), *client.command(p.port, connections, seconds + 2)],
        stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    calls, how = None, "perf"
    if shutil.which("perf"):
        calls = perf_calls(p.pids(), seconds)
    if calls is None:
        calls, how = strace_calls(p.pids(), seconds), "strace"
    output = load.communicate()[0]
    rate = float(client.rate.search(output)[1])
    return None if calls is None else {"calls": calls / seconds / rate, "by": how}


def callgrind_total(folder):
    """Instructions of all processes that wrote there."""
    total = 0
    for path in glob.glob(f"{folder}/callgrind.out.*"):
        with open(path) as f:
            for line in f:
                if line.startswith(("totals:", "summary:")):
                    total += int(line.split()[1])
                    break
    return total


def measure_instructions(make, few, many, connections):
    totals = []
    for requests in (few, many):
        p = make()
        folder = tempfile.mkdtemp(prefix="callgrind-", dir=p.dir)
        # The tool writes where the sandbox lets nobody write.
        p.start(["valgrind", "-q", "--tool=callgrind", "--trace-children=yes",
                 f"--callgrind-out-file={folder}/callgrind.out.%p"],
                env={"SLUICE_SANDBOX": "off"}, seconds=180)
        load = Load(p.port, connections)
        load.send(connections * 2)
        sent = load.send(requests)
        load.close()
        p.stop(180)
        totals.append((sent, callgrind_total(folder)))
    (a, x), (b, y) = totals
    return (y - x) / (b - a)


def measure_allocations(p, connections, requests):
    def count():
        total = 0
        for pid in p.pids():
            try:
                with open(f"{p.dir}/malloc.{pid}", "rb") as f:
                    total += struct.unpack("Q", f.read(8))[0]
            except FileNotFoundError:
                pass
        return total
    load = Load(p.port, connections)
    load.send(connections * 50)
    before = count()
    if before == 0:
        raise RuntimeError(f"{p.label}: nothing was counted")
    sent = load.send(requests)
    counted = count() - before
    load.close()
    return counted / sent


def private_dirty_kib(pids):
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as f:
                total += int(re.search(r"^Private_Dirty: +(\d+)", f.read(), re.M)[1])
        except (FileNotFoundError, ProcessLookupError, TypeError):
            pass
    return total


def trusting():
    """A client that takes any certificate."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
    return tls


# Long enough for all of them to give back what the waves took.
IDLE_S = 5


def measure_idle(p, connections):
    """Bytes per connection that has served one request and waits for the next."""
    tls = trusting() if p.variant == "tls" else None
    first = Load(p.port, 64, tls)
    first.send(64 * 20)
    time.sleep(0.5)
    before = private_dirty_kib(p.pids())
    loads = []
    for at in range(0, connections, 200):
        load = Load(p.port, min(200, connections - at), tls)
        load.wave()
        loads.append(load)
    time.sleep(IDLE_S)
    grown = private_dirty_kib(p.pids()) - before
    for load in [first, *loads]:
        load.close()
    return {"connections": connections, "bytes_per_connection": grown * 1024 / connections}


class Bench:
    def __init__(self, args):
        self.args = args
        self.quick = args.quick
        self.folder = tempfile.mkdtemp(prefix="sluice-bench-")
        self.running = []
        self.result = {"machine": self.machine(), "quick": args.quick, "cases": {}}

    @staticmethod
    def machine():
        with open("/proc/cpuinfo") as f:
            model = re.search(r"model name\s*: (.*)", f.read())
        return {"cpu": model[1] if model else "unknown", "cores": os.cpu_count(),
                "kernel": os.uname().release}

    def names(self):
        return [n for n in self.args.only.split(",") if n in PROXIES]

    def make(self, name, backend, variant="", label=None):
        p = PROXIES[name](self.args.top, self.folder, backend.port, variant)
        p.label = label or name
        return p

    def start(self, p, **kwargs):
        p.start(**kwargs)
        self.running.append(p)
        return p

    def stop_all(self):
        while self.running:
            self.running.pop().stop()

    def origin(self, body_bytes, is_kept=False):
        return self.start(Origin(self.args.top, self.folder, body_bytes, is_kept), core=LOAD_CORE)

    def say(self, text):
        print(text, flush=True)

    def case_cpu(self, title, body_bytes, connections, variant, plans=None, client=Wrk, is_kept=False):
        rounds, seconds = (3, 1) if self.quick else (15, 2)
        self.say(f"\n{title} ({rounds} interleaved rounds)")
        origin = self.origin(body_bytes, is_kept)
        plans = plans or [(n, variant if n != "relay" else "", n) for n in self.names()
                          if n != "varnish" and (n != "relay" or client is Wrk)]
        proxies = [self.start(self.make(name, origin, kind, label)) for name, kind, label in plans]
        samples, rates = measure_cpu(client, proxies, connections, rounds, seconds)
        rows = {}
        for p in proxies:
            row = median_and_spread(samples[p.label])
            row["rate"] = statistics.median(rates[p.label])
            row["calls"] = measure_calls(client, p, connections, 2)
            for other in ("nginx", "haproxy", "relay", "sluice"):
                if other in samples and other != p.label:
                    row[f"to_{other}"] = statistics.median(
                        a / b for a, b in zip(samples[p.label], samples[other]))
            rows[p.label] = row
        self.stop_all()
        self.result["cases"][title] = rows
        self.say(f"  {'':16}{'CPU us':>8}{'middle half':>16}{'all':>16}{'calls':>7}"
                 f"{'/nginx':>8}{'/haproxy':>10}{'/relay':>8}{'/sluice':>9}{'a second':>10}")
        for label, r in rows.items():
            middle = f"{r['low']:.2f}-{r['high']:.2f}"
            whole = f"{r['min']:.2f}-{r['max']:.2f}"
            calls = f"{r['calls']['calls']:.2f}" if r["calls"] else "?"
            ratio = [f"{r[k]:.2f}" if k in r else "-"
                     for k in ("to_nginx", "to_haproxy", "to_relay", "to_sluice")]
            self.say(f"  {label:16}{r['median']:8.2f}{middle:>16}{whole:>16}{calls:>7}"
                     f"{ratio[0]:>8}{ratio[1]:>10}{ratio[2]:>8}{ratio[3]:>9}{r['rate']:10.0f}")

    def case_instructions(self):
        few, many = (64, 640) if self.quick else (640, 6400)
        connections = 64
        self.say("\nUser-space instructions per request (callgrind)")
        origin = self.origin(1024)
        rows = {}
        plans = [(n, "", n) for n in self.names() if n != "varnish"]
        if "sluice" in self.names():
            plans.append(("sluice", "eight policies", "sluice, eight policies"))
        for name, variant, label in plans:
            rows[label] = measure_instructions(
                lambda: self.make(name, origin, variant, label), few, many, connections)
            self.say(f"  {label:24}{rows[label]:10.0f}")
        self.stop_all()
        self.result["cases"]["instructions"] = rows

    def case_policies(self, title, variant, plans, is_kept=False):
        """Requests as `variant` wants them, to each (name, variant, label) of `plans`."""
        client = Scripted(chains.load_script(self.folder, variant))
        wanted = [plan for plan in plans if plan[0] in self.names()]
        self.case_cpu(f"1 KiB, 64 connections, {title}", 1024, 64, variant, wanted, client, is_kept)

    def case_redis(self):
        """The shared storage is on the core of the load, as a machine of its own would be."""
        redis = self.start(Redis(self.args.top, self.folder, 0), core=LOAD_CORE)
        PROXIES["sluice"].redis_port = redis.port
        self.case_policies("a limit counted by Redis", "a limit", [
            ("sluice", "a limit", "sluice"), ("sluice", "a limit in Redis", "in Redis"),
            ("sluice", "a limit in slices", "in slices")])
        PROXIES["sluice"].redis_port = 0

    def case_latency(self):
        rounds, seconds, connections = (2, 2, 64) if self.quick else (5, 4, 64)
        variant = "four policies and tokens"
        self.say(f"\nThe 99th percentile at half of what four policies can do ({rounds} interleaved rounds)")
        origin = self.origin(1024)
        gateway = self.start(self.make("sluice", origin, variant))
        script = Scripted(chains.load_script(self.folder, variant))
        rate = send_load(script, gateway.port, connections, 2) / 2 / 2
        header = f"Authorization: Bearer {chains.tokens(self.folder)[0]}"
        ports = {"origin": origin.port, "sluice": gateway.port}
        if "nginx" in self.names():
            ports["nginx"] = self.start(self.make("nginx", origin)).port
        samples = {name: [] for name in ports}
        for _ in range(rounds):
            for name, port in ports.items():
                samples[name].append(percentile_of(port, connections, rate, seconds, self.folder, header))
        self.stop_all()
        rows = {name: statistics.median(values) for name, values in samples.items()}
        for name, value in rows.items():
            self.say(f"  {name:10}{value / 1000:8.2f} ms, {(value - rows['origin']) / 1000:+.2f} ms, "
                     f"{rate:.0f} a second")
        self.result["cases"]["latency"] = {"rate": rate, **rows}

    def case_sdk(self):
        few, many = (64, 640) if self.quick else (640, 6400)
        self.say("\nWhat policies cost: user-space instructions per request (callgrind)")
        origin, rows, plain = self.origin(1024), {}, 0
        variants = ["", "twenty policies", "an expression", "a script", "a callout"]
        for variant in variants:
            rows[variant or "plain"] = measure_instructions(
                lambda: self.make("sluice", origin, variant, variant or "plain"), few, many, 64)
            plain = plain or rows["plain"]
            self.say(f"  {variant or 'plain':24}{rows[variant or 'plain']:10.0f}{rows[variant or 'plain'] - plain:10.0f}")
        self.stop_all()
        self.result["cases"]["sdk"] = rows
        self.case_cpu("1 KiB, 64 connections, policies", 1024, 64, "",
                      [("sluice", variant, variant or "sluice") for variant in variants])

    def case_allocations(self):
        requests = 640 if self.quick else 6400
        self.say("\nAllocations per request in steady state")
        origin = self.origin(1024)
        rows = {}
        for name in self.names():
            if name == "varnish":
                continue
            p = self.make(name, origin)
            self.start(p, env={"LD_PRELOAD": f"{self.args.top}/build/bench/malloc_count.so",
                               "MALLOC_COUNT_FILE": f"{p.dir}/malloc",
                               "SLUICE_SANDBOX": "off"})
            rows[name] = measure_allocations(p, 64, requests)
            self.say(f"  {name:10}{rows[name]:10.3f}")
            self.running.remove(p)
            p.stop()
        self.stop_all()
        self.result["cases"]["allocations"] = rows

    def case_idle(self, variant=""):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        connections = 1000 if self.quick or variant else min(10000, int(hard * 0.4))
        self.say(f"\nPrivate memory per idle {variant or 'plain'} connection "
                 f"({connections} connections)")
        origin = self.origin(1024)
        rows = {}
        for name in self.names():
            if name in ("relay", "varnish"):
                continue
            p = self.start(self.make(name, origin, variant))
            rows[name] = measure_idle(p, connections)
            self.say(f"  {name:10}{rows[name]['bytes_per_connection']:10.0f} bytes")
            self.running.remove(p)
            p.stop()
        self.stop_all()
        self.result["cases"][f"idle memory{variant and ', ' + variant}"] = rows

    def case_apis(self):
        count, edits, rounds, seconds = (2000, 5, 3, 1) if self.quick else (10000, 15, 9, 2)
        self.say(f"\n{count} APIs, a file and two policies each")
        origin = self.origin(1024)
        compiled = apis.ManyApis(self.args.top, self.folder, origin.port, count, 2)
        row = {"apis": count, "compile": apis.measure_compile(compiled)}
        row["load_seconds"] = apis.measure_load(compiled)
        self.running.append(compiled)
        row["resident_mib"] = compiled.resident_kib() / 1024
        row["edits_ms"] = [1000 * s for s in apis.measure_edits(compiled, edits)]
        row["resident_after_edits_mib"] = compiled.resident_kib() / 1024
        self.running.remove(compiled)
        compiled.stop()
        many, one = (self.start(apis.ManyApis(self.args.top, self.folder, origin.port, n),
                                seconds=120) for n in (count, 1))
        many.wait_for_edition(count - 1, "0")
        one.wait_for_edition(0, "0")
        samples = {many: [], one: []}
        for p in (many, one):
            apis.wrk_spread(p, 64, 2)
        for number in range(rounds):
            for p in (many, one)[::1 if number % 2 else -1]:
                before = cpu_ns(p.pids())
                requests = apis.wrk_spread(p, 64, seconds)
                samples[p].append((cpu_ns(p.pids()) - before) / 1000 / requests)
        row["cpu_us"] = {"many": statistics.median(samples[many]),
                         "one": statistics.median(samples[one])}
        row["cpu_ratio"] = statistics.median(a / b for a, b in zip(samples[many], samples[one]))
        self.stop_all()
        self.result["cases"]["apis"] = row
        edits_ms = row["edits_ms"]
        self.say(f"  composing            {row['compile']['seconds']:8.2f} s"
                 f"{row['compile']['peak_mib']:10.0f} MiB at its peak")
        self.say(f"  start to last answer {row['load_seconds']:8.2f} s")
        self.say(f"  gateway, resident    {row['resident_mib']:8.0f} MiB, after the edits "
                 f"{row['resident_after_edits_mib']:.0f} MiB")
        self.say(f"  one edit             {statistics.median(edits_ms):8.0f} ms "
                 f"({min(edits_ms):.0f}-{max(edits_ms):.0f})")
        self.say(f"  CPU per request      {row['cpu_us']['many']:8.2f} us, with one API "
                 f"{row['cpu_us']['one']:.2f} us: {row['cpu_ratio']:.2f}")

    def run(self):
        cases = {
            "apis": self.case_apis,
            "plain": lambda: self.case_cpu("1 KiB, 64 connections", 1024, 64, ""),
            "log": lambda: self.case_cpu("1 KiB, 64 connections, access log on", 1024, 64,
                                         "logged"),
            "eight": lambda: self.case_cpu(
                "1 KiB, 64 connections, eight policies", 1024, 64, "",
                [("sluice", "", "sluice"), ("sluice", "eight policies", "eight policies")]),
            "http2": lambda: self.case_cpu(
                "HTTP/2 over TLS 1.3, 1 KiB, 16 connections of 8 streams", 1024, 16, "http2",
                client=H2load),
            "tls": lambda: self.case_cpu("TLS 1.3, 1 KiB, 64 connections", 1024, 64, "tls",
                                         client=WrkTls),
            "handshakes": lambda: self.case_cpu("Full handshakes of TLS 1.3, ECDSA P-256", 1024, 1,
                                                "tls", client=Handshakes),
            "tls-idle": lambda: self.case_idle("tls"),
            "four": lambda: self.case_policies("four policies, tokens in turn", "four policies and tokens", [
                ("nginx", "", "nginx"), ("haproxy", "", "haproxy"), ("sluice", "", "sluice"),
                ("sluice", "four policies and tokens", "four policies")]),
            "jwt": lambda: self.case_policies("JWT by RS256", "tokens", [
                ("haproxy", "tokens, each checked", "haproxy"), ("sluice", "tokens, each checked", "sluice"),
                ("sluice", "tokens", "remembered")]),
            "limit": lambda: self.case_policies("a limit by header", "a limit", [
                (name, "a limit", name) for name in ("nginx", "haproxy", "sluice")]),
            "cache": lambda: self.case_policies("a cache", "a cache", [
                (name, "a cache", name) for name in ("nginx", "haproxy", "varnish", "sluice")], is_kept=True),
            "redis": self.case_redis,
            "latency": self.case_latency,
            "large": lambda: self.case_cpu("100 KiB, 16 connections, tuned", 102400, 16, "tuned"),
            "instructions": self.case_instructions,
            "sdk": self.case_sdk,
            "allocations": self.case_allocations,
            "idle": self.case_idle,
        }
        try:
            for name in self.args.cases.split(","):
                cases[name]()
        finally:
            self.stop_all()
            shutil.rmtree(self.folder, ignore_errors=True)
        with open(self.args.json, "w") as f:
            json.dump(self.result, f, indent=1)
        self.say(f"\nall figures: {self.args.json}")


def main():
    parser = argparse.ArgumentParser(description="Sluice beside nginx, HAProxy and a relay.")
    parser.add_argument("--top", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="few rounds: a look, no result")
    parser.add_argument("--no-build", action="store_true", help="take build/release as it is")
    parser.add_argument("--only", default="relay,nginx,haproxy,varnish,sluice")
    parser.add_argument("--cases", default="plain,log,eight,large,instructions,allocations,idle")
    parser.add_argument("--json", default=None)
    args = parser.parse_args()
    args.json = args.json or f"{args.top}/build/bench/result.json"
    if os.cpu_count() < 2:
        sys.exit("two cores are needed: one for the proxy, one for load and backend")
    Bench(args).run()


if __name__ == "__main__":
    main()
