# SPDX-License-Identifier: Apache-2.0
"""Other programs' HTTP parsers as origins that write down the requests they see, and streams that
might be read in two ways.

What the gateway sends on carries an X-Request-ID of its own. An origin that sees a request more, or
another one, than the gateway has a record of has read the bytes in another way."""
import collections
import random
import re
import socket
import subprocess
import sys

from .cases import scratch, wait_for
from .ports import free_port
from .probes import file_names, read_probes

IDS = re.compile(r"^([0-9a-f-]{36}|-) (\d+)$", re.M)


class Origin:
    """A process on a port; `seen()` gives {request id: [statuses]}; "-" stands for none."""
    def __init__(self):
        self.dir = scratch("origin")
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = f"{self.dir}/requests.log"
        open(self.log, "w").close()
        self.process = subprocess.Popen(self.command(), stdout=open(f"{self.dir}/out", "w"),
                                        stderr=subprocess.STDOUT, cwd=self.dir)
        wait_for(self.is_listening, f"{type(self).__name__} on port {self.port}")

    def is_listening(self):
        if self.process.poll() is not None:
            with open(f"{self.dir}/out") as f:
                raise AssertionError(f"{type(self).__name__} ended: {f.read()[-2000:]}")
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)
        return f"{self.dir}/{name}"

    def seen(self):
        found = collections.defaultdict(list)
        with open(self.log) as f:
            for m in IDS.finditer(f.read()):
                found[m[1]].append(int(m[2]))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class Node(Origin):
    def command(self):
        return ["node", self.write("origin.js", """
const http = require('http'), fs = require('fs');
const log = fs.openSync(process.argv[2], 'a');
http.createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    fs.writeSync(log, (request.headers['x-request-id'] || '-') + ' 200\\n');
    response.end('ok');
  });
}).on('clientError', (error, socket) => {
  if (error.code !== 'ECONNRESET') fs.writeSync(log, '- 400\\n');
  socket.destroy();
}).listen(Number(process.argv[3]), '127.0.0.1');
"""), self.log, str(self.port)]


class Nginx(Origin):
    """Its first server reads each request whole before it asks its second one."""

    def command(self):
        inner = free_port()
        return ["nginx", "-p", self.dir, "-e", f"{self.dir}/error.log", "-c", self.write("nginx.conf", f"""
daemon off; master_process off; worker_processes 1; pid {self.dir}/pid;
events {{ worker_connections 1024; }}
http {{
  log_format ids '$request_id_or_none $status';
  map $http_x_request_id $request_id_or_none {{ '' '-'; default $http_x_request_id; }}
  client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/proxy;
  fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
  access_log off; keepalive_requests 100000; underscores_in_headers on;
  server {{ listen 127.0.0.1:{self.port}; access_log {self.log} ids;
    location / {{ proxy_pass http://127.0.0.1:{inner}; }} }}
  server {{ listen 127.0.0.1:{inner}; location / {{ return 200 ok; }} }}
}}
""")]


class Haproxy(Origin):
    """Reads each request whole before it answers. A connection without a byte is no request."""

    def command(self):
        self.log = f"{self.dir}/out"
        return ["haproxy", "-db", "-f", self.write("haproxy.cfg", f"""
global
  log stdout format raw local0
  maxconn 1000
  nbthread 1
defaults
  mode http
  option dontlognull
  timeout client 30s
  timeout connect 5s
  timeout server 30s
  timeout http-request 10s
  log global
  log-format "%[var(txn.id)] %ST"
frontend f
  bind 127.0.0.1:{self.port}
  option http-buffer-request
  http-request set-var(txn.id) req.hdr(x-request-id)
  http-request return status 200 content-type text/plain string ok
""")]


PYTHON_ORIGIN = """
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        if self.headers.get("transfer-encoding"):
            while size := int(self.rfile.readline().strip() or b"0", 16):
                self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
        else:
            self.rfile.read(int(self.headers.get("content-length") or 0))
        self.note(self.headers.get("x-request-id", "-"), 200)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(b"ok")

    def note(self, request_id, status):
        with open(sys.argv[1], "a") as f:
            f.write(f"{request_id} {status}\\n")

    def send_error(self, code, *_):
        self.note("-", code)
        self.close_connection = True

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def log_message(self, *_):
        pass

ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer.request_queue_size = 512
ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
"""


class Python(Origin):
    """The standard library's http.server, in a process of its own."""

    def command(self):
        return [sys.executable, self.write("origin.py", PYTHON_ORIGIN), self.log, str(self.port)]


ORIGINS = {o.__name__.lower(): o for o in (Python, Node, Nginx, Haproxy)}


# --- streams ---------------------------------------------------------------------------------

TOKENS = [b"\r\n", b"\r", b"\n", b"\0", b":", b"\t", b" ", b"\r\n\r\n", b"0", b"\x0b", b";", b",",
          b"0\r\n\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Length: 5\r\n",
          b"content-length: 0\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n",
          b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n", b"HTTP/1.1", b"HTTP/1.0", b"\x80", b"_"]
SEEDS = [
    b"GET /a HTTP/1.1\r\nHost: h\r\nX-A: b\r\n\r\n",
    b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"PUT /d HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\nA\r\n0123456789\r\n"
    b"0\r\nX-T: y\r\n\r\n",
    b"HEAD /e?q=1 HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
    b"GET /f HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n",
    b"POST /g HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi",
]


def _probe_seeds():
    return [p.sent.encode("latin-1") for n in file_names() for p in read_probes(n)
            if len(p.sent) < 1000 and p.answer is None]


def _mutate(r, raw):
    at, kind = r.randrange(len(raw) + 1), r.randrange(7)
    if kind == 0:
        return raw[:at] + raw[at + r.choice((1, 1, 2, 4)):]
    if kind == 1:
        return raw[:at] + r.choice(TOKENS) + raw[at:]
    if kind == 2:
        return raw[:at] + r.choice(TOKENS) + raw[at + 1:]
    if kind == 3:
        return raw[:at] + bytes([r.randrange(256)]) + raw[at + 1:]
    lines = raw.split(b"\r\n")
    i, k = r.randrange(len(lines)), r.randrange(len(lines))
    if kind == 4:
        lines[i], lines[k] = lines[k], lines[i]
    elif kind == 5:
        lines.insert(i, lines[k])
    else:
        lines[i:i + 2] = [b"".join(lines[i:i + 2])]
    return b"\r\n".join(lines)


def streams(seed, count):
    """`count` streams that follow from the seed: one to three requests, changed once or more."""
    r = random.Random(seed)
    seeds = SEEDS * 20 + _probe_seeds()
    for _ in range(count):
        raw = b"".join(r.choice(seeds) for _ in range(r.choice((1, 1, 2, 3))))
        for _ in range(r.choice((0, 1, 1, 1, 2, 3))):
            raw = _mutate(r, raw)
        yield raw


# --- verdict ---------------------------------------------------------------------------------


def disagreements(records, seen):
    """Sentences. `records`: the gateway's access records; `seen`: what the origin wrote down."""
    sent = {r["requestId"]: r for r in records if r.get("upstream")}
    for request_id, statuses in seen.items():
        if request_id == "-":
            continue
        record = sent.get(request_id)
        if record is None:
            yield f"{request_id}: a request that the gateway did not send"
        elif len(statuses) > 1 + record.get("retries", 0):
            yield f"{request_id}: seen {len(statuses)} times"
    # What the origin could not read has no id: it may be one of those that it did not write down.
    unread = [r for i, r in sent.items() if i not in seen]
    nameless = seen.get("-", [])
    if len(nameless) > len(unread):
        yield f"{len(nameless)} requests without the gateway's id, {len(unread)} are not accounted for"
    for record in unread:
        if record["status"] == 200:
            yield f"{record['requestId']}: answered, but the origin has seen nothing"
