#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sluicectl_test.py PROGRAM - sluicectl against a scripted admin socket."""
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingMixIn, UnixStreamServer

PROGRAM = sys.argv[1]
TREE = {"generation": 3, "apis": [{"name": "a", "ok": True}, {"name": "\u00e9", "problems": []}],
        "none": None, "text": 'a "b"\n\x1b[31m', "empty": {}, "rate": -1.5e3}
OUTLINE = """\
generation: 3
apis:
  -
    name: a
    ok: true
  -
    name: \u00e9
    problems: []
none: null
text: a "b"\\n\\u001b[31m
empty: {}
rate: -1500.0
"""


# name, requests by code, then how many took up to 0.1 s, up to 0.2 s, and longer.
def reading(ok, failed, fast, slow, late):
    return f"""# HELP sluice_requests_total x
# TYPE sluice_requests_total counter
sluice_requests_total{{api="n/a",code="2xx"}} {ok}
sluice_requests_total{{api="n/a",code="5xx"}} {failed}
sluice_requests_total{{api="n/a",code="none"}} 1
sluice_request_duration_seconds_bucket{{api="n/a",le="0.1"}} {fast}
sluice_request_duration_seconds_bucket{{api="n/a",le="0.2"}} {fast + slow}
sluice_request_duration_seconds_bucket{{api="n/a",le="+Inf"}} {fast + slow + late}
sluice_request_duration_seconds_sum{{api="n/a"}} 7
sluice_service_requests_total{{service="n/s",code="2xx"}} {ok}
sluice_service_requests_active{{service="n/s"}} 3
sluice_service_connections{{service="n/s"}} 4
sluice_connections 5
sluice_exchanges 2

nonsense
"""


class Admin(BaseHTTPRequestHandler):
    answers = {
        "GET /status": (200, json.dumps(TREE)),
        "GET /metrics": (200, "sluice_requests_total 1\n"),
        "POST /reload": (409, json.dumps({"error": "shop.yaml:1:1: bad"})),
        "GET /log-level": (200, '{"level":"info","configured":"info"}'),
        "PUT /log-level?level=debug": (200, '{"level":"debug"}'),
        "PUT /log-level?level=warn&seconds=5400": (200, '{"level":"warn"}'),
        "PUT /log-level?level=loud": (400, '{"error":"no such level"}'),
        "GET /dump": (200, "not json"),
        "GET /probes/readiness": (503, "starting"),
        "GET /probes/liveness": (200, "ok"),
    }

    readings = []

    def answer(self):
        status, text = self.answers.get(f"{self.command} {self.path}", (404, "no"))
        if self.path == "/metrics" and Admin.readings:
            text = Admin.readings.pop(0)
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    do_GET = do_POST = do_PUT = answer

    def address_string(self):
        return "unix"

    def log_message(self, *args):
        pass


class Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True


def run(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=30,
                          env={**os.environ, "http_proxy": "http://127.0.0.1:1"})


def expect(what, actual, expected):
    if actual != expected:
        print(f"{what}: got {actual!r}, expected {expected!r}")
        expect.wrong += 1


expect.wrong = 0
with tempfile.TemporaryDirectory() as state:
    server = Server(f"{state}/admin.sock", Admin)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    at = ["--state", state]
    for args, code, out, err in [
        (["status", *at], 0, OUTLINE, ""),
        (["status", "--json", f"--state={state}"], 0, json.dumps(TREE) + "\n", ""),
        (["metrics", *at], 0, "sluice_requests_total 1\n", ""),
        (["reload", *at], 1, "", "error: shop.yaml:1:1: bad\n"),
        (["log-level", *at], 0, "level: info\nconfigured: info\n", ""),
        (["log-level", "debug", *at], 0, "level: debug\n", ""),
        (["log-level", "warn", "--for", "90m", *at], 0, "level: warn\n", ""),
        (["log-level", "loud", *at], 1, "", "error: no such level\n"),
        (["dump", *at], 0, "not json\n", ""),
        (["probe", *at], 1, "", "starting\n"),
        (["probe", "--check=liveness", *at], 0, "", ""),
        (["probe", "--check", "liveness", *at], 0, "", ""),
    ]:
        done = run(*args)
        expect(args[0], (done.returncode, done.stdout, done.stderr), (code, out, err))
    # 8 within 100 ms and 2 between 100 and 200; a gateway that began anew counts from 0.
    for first, second, expected in [
        (reading(100, 5, 50, 50, 6), reading(108, 7, 58, 52, 6), (115 + 1, 0.2, 62.5, 175, 195)),
        (reading(100, 5, 50, 50, 6), reading(3, 0, 0, 0, 4), (4, 0.25, 200, 200, 200)),
        (reading(1, 0, 1, 0, 0), reading(1, 0, 1, 0, 0), (2, 0, None, None, None)),
    ]:
        Admin.readings = [first, second]
        done = run("top", "--json", *at)
        seen = json.loads(done.stdout)
        row, other = seen["apis"][0], seen["services"][0]
        expect("top", (row["requests"], row["errorRatio"], row["p50Ms"], row["p95Ms"], row["p99Ms"]), expected)
        expect("top", (row["name"], other["name"], other["active"], other["connections"], other["p50Ms"],
                       seen["connections"], seen["exchanges"]), ("n/a", "n/s", 3, 4, None, 5, 2))
    for args, code, hint in [
        (["statsu", *at], 2, "did you mean 'status'"), ([], 2, "usage"),
        (["probe", "--check=life"], 2, "readiness or liveness"), (["status", "--stat", "x"], 2, "--stat"),
        (["log-level", "debug", "--for", "5d"], 2, "such as 90s"), (["log-level", "--for", "5m"], 2, "--for"),
        (["log-level", "debug", "--for", "25h"], 2, "24h"), (["status", "--for", "5m"], 2, "--for"),
        (["log-level", "debug", "info"], 2, "info"), (["status", "--once"], 2, "--once goes with top"),
        (["status", "--state"], 2, "--state"), (["status", "dump"], 2, "dump"),
        (["status", "--state", "/nonexistent"], 3, "/nonexistent/admin.sock"),
        (["status", "--state", "/" + "x" * 200], 3, "too long"),
    ]:
        done = run(*args)
        expect(f"{args} exit code", done.returncode, code)
        expect(f"{args} hint", hint in done.stderr, True)
    server.shutdown()
    server.server_close()
    done = run("status", *at)
    expect("dead socket", (done.returncode, "nobody listens" in done.stderr), (3, True))
expect("--help", (run("--help").returncode, "usage" in run("--help").stdout), (0, True))
print(f"{expect.wrong} wrong")
sys.exit(1 if expect.wrong else 0)
