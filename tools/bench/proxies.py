# SPDX-License-Identifier: Apache-2.0
"""The programs under comparison: how each is configured, started, found and stopped."""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import time

import chains

PROXY_CORE, LOAD_CORE = 0, 1
TLS_VARIANTS = ("tls", "http2")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for_port(port, process, name, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"{name} ended with exit code {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 0.2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"{name} does not listen after {seconds} s")


def descendants(pid):
    pids = [pid]
    for p in pids:
        try:
            with open(f"/proc/{p}/task/{p}/children") as f:
                pids += [int(c) for c in f.read().split()]
        except FileNotFoundError:
            pass
    return pids


class Proxy:
    """One program on a free port in front of the backend's port."""

    def __init__(self, top, folder, backend_port, variant=""):
        self.top, self.folder, self.backend_port, self.variant = top, folder, backend_port, variant
        self.dir = f"{folder}/{self.name}-{(variant or 'plain').replace(' ', '-')}"
        os.makedirs(self.dir, exist_ok=True)
        self.port, self.process = free_port(), None

    def certificate(self):
        """Key and certificate, ECDSA P-256, in one file, of this folder."""
        path = f"{self.dir}/pem"
        if not os.path.exists(path):
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                            "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                            "-keyout", f"{self.dir}/key", "-out", f"{self.dir}/crt"],
                           check=True, capture_output=True)
            with open(f"{self.dir}/key") as key, open(f"{self.dir}/crt") as crt:
                self.write("pem", crt.read() + key.read())
        return path

    def write(self, name, text):
        with open(f"{self.dir}/{name}", "w") as f:
            f.write(text)
        return f"{self.dir}/{name}"

    def start(self, prefix=(), env=None, core=PROXY_CORE, seconds=20):
        command = ["taskset", "-c", str(core), *prefix, *self.command()]
        self.log = open(f"{self.dir}/log", "ab")
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        self.process = subprocess.Popen(
            command, stdout=self.log, stderr=self.log, env={**os.environ, **(env or {})},
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard)))
        try:
            wait_for_port(self.port, self.process, self.name, seconds)
        except RuntimeError as e:
            self.stop()
            with open(f"{self.dir}/log") as f:
                raise RuntimeError(f"{e}; it wrote:\n{f.read()[-2000:]}") from None
        return self

    def pids(self):
        """All processes that do work for requests."""
        return descendants(self.process.pid)

    def stop(self, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()

    stop_signal = signal.SIGTERM


class Relay(Proxy):
    name = "relay"

    def command(self):
        return [f"{self.top}/build/bench/relay", str(self.port), str(self.backend_port)]


class Nginx(Proxy):
    name = "nginx"

    def command(self):
        tuned = """
    proxy_buffer_size 16k; proxy_buffers 8 64k; proxy_busy_buffers_size 128k;
    client_body_buffer_size 256k;""" if self.variant == "tuned" else ""
        http2 = f"""
        ssl_certificate {self.certificate()}; ssl_certificate_key {self.certificate()};
        ssl_protocols TLSv1.3;""" if self.variant in TLS_VARIANTS else ""
        kind = "" if not http2 else "ssl http2 " if self.variant == "http2" else "ssl "
        log = f"{self.dir}/access.log combined buffer=64k flush=1s" \
            if self.variant == "logged" else "off"
        beside, inside = chains.nginx(self.variant, self.dir)
        path = self.write("nginx.conf", f"""
daemon off; master_process off; worker_processes 1; pid {self.dir}/pid;
error_log {self.dir}/error.log crit;
events {{ worker_connections 30000; }}
http {{
    access_log {log}; keepalive_requests 1000000000; keepalive_timeout 3600s;
    client_body_temp_path {self.dir}/body; proxy_temp_path {self.dir}/proxy;
    fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
    tcp_nodelay on;{tuned} {beside}
    upstream origin {{
        server 127.0.0.1:{self.backend_port}; keepalive 256; keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.port} {kind}backlog=4096;{http2}
        location / {{
            proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $proxy_host;
            proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Request-Id $request_id; {inside}
        }}
    }}
}}
""")
        return ["nginx", "-p", self.dir, "-c", path]


class Haproxy(Proxy):
    name = "haproxy"

    def command(self):
        log = """    log stdout format raw local0
    option httplog
""" if self.variant == "logged" else ""
        tuned = "    tune.bufsize 131072\n" if self.variant == "tuned" else ""
        alpn = "h2" if self.variant == "http2" else "http/1.1"
        http2 = f" ssl crt {self.certificate()} alpn {alpn} ssl-min-ver TLSv1.3" \
            if self.variant in TLS_VARIANTS else ""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        beside, frontend, backend = chains.haproxy(self.variant, self.folder)
        path = self.write("haproxy.cfg", f"""
global
    nbthread 1
    maxconn {min(20000, int(hard * 0.45))}
{tuned}defaults
    mode http
{log}    timeout connect 5s
    timeout client 3600s
    timeout server 3600s
    timeout http-keep-alive 3600s
    option http-keep-alive
    http-reuse always
frontend front
    bind 127.0.0.1:{self.port} backlog 4096{http2}
    option forwardfor
    unique-id-format %{{+X}}o%ci%cp%Ts%rt
    unique-id-header X-Request-Id{frontend}
    default_backend origin
backend origin{backend}
    server one 127.0.0.1:{self.backend_port}
{beside}""")
        return ["haproxy", "-db", "-q", "-f", path]

    stop_signal = signal.SIGUSR1  # lets callgrind write; idle connections end at once

    def stop(self, seconds=60):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        super().stop(seconds)


class Sluice(Proxy):
    name = "sluice"
    redis_port = 0  # of the shared storage, where there is one

    def shared_storage(self):
        if not self.redis_port:
            return {}
        return {"sharedStorage": {"redis": {"address": f"127.0.0.1:{self.redis_port}"}}}

    def command(self):
        scheme = "https" if self.variant in TLS_VARIANTS else "http"
        spec = {"address": f"{scheme}://127.0.0.1:{self.port}",
                "services": {"origin": {"address": f"http://127.0.0.1:{self.backend_port}"}}}
        if policies := chains.sluice(self.variant, self.folder, self.backend_port):
            spec["policies"] = policies
        if self.variant in TLS_VARIANTS:
            self.certificate()
            with open(f"{self.dir}/key") as key, open(f"{self.dir}/crt") as crt:
                spec["policies"] = [{"policyRef": {"name": "tls"}, "config": {
                    "certificate": {"key": key.read(), "crt": crt.read()}}}]
        os.makedirs(f"{self.dir}/config", exist_ok=True)
        if self.variant == "eight policies":
            shutil.copy(f"{self.top}/tools/bench/eight.yaml", f"{self.dir}/config")
        # What a run before has left would make this start another one.
        shutil.rmtree(f"{self.dir}/state", ignore_errors=True)
        os.makedirs(f"{self.dir}/state", mode=0o700)
        self.write("config/bench.yaml", json.dumps({
            "apiVersion": "gateway.sluice.dev/v1", "kind": "ApiInstance",
            "metadata": {"name": "bench"}, "spec": spec}))
        self.write("config/limits.yaml", json.dumps({
            "apiVersion": "gateway.sluice.dev/v1", "kind": "Configuration",
            "metadata": {"name": "limits"}, "spec": {"limits": {"connectionsPerAddress": 0}, **self.shared_storage()}}))
        build = f"{self.top}/build/release"
        own = f"{self.top}/build/bench/policies"
        extra = ["--plugins", own] if policies and os.path.exists(own) else []
        log = f"{self.dir}/access.log" if self.variant == "logged" else "off"
        return [f"{build}/bin/sluice", "run", "--config", f"{self.dir}/config", "--plugins",
                f"{build}/lib/sluice/plugins", *extra, "--state", f"{self.dir}/state", "--workers", "1",
                "--access-log", log, "--log-level", "error"]


class Varnish(Proxy):
    """Only where something is cached."""
    name = "varnish"

    def command(self):
        return ["varnishd", "-j", "none", "-F", "-n", f"{self.dir}/work", "-a", f"127.0.0.1:{self.port}",
                "-b", f"127.0.0.1:{self.backend_port}", "-s", "malloc,64m", "-t", "3600", "-p", "thread_pools=1"]


class Redis(Proxy):
    """The shared storage, on the core of the load."""
    name = "redis"

    def command(self):
        return ["redis-server", "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir", self.dir]


class Origin(Proxy):
    """The backend: nginx answering from memory, on the core of the load. Caches may keep its answers."""
    name = "origin"

    def __init__(self, top, folder, body_bytes, is_kept=False):
        self.body_bytes, self.is_kept = body_bytes, is_kept
        super().__init__(top, folder, 0, str(body_bytes))

    def command(self):
        os.makedirs(f"{self.dir}/www", exist_ok=True)
        self.write("www/body", "x" * self.body_bytes)
        # Small bodies from the configuration, large ones from the page cache.
        answer = f"return 200 {'x' * self.body_bytes};" if self.body_bytes <= 2048 else \
            f"root {self.dir}/www; try_files /body =500;"
        kept = "add_header Cache-Control max-age=3600;" if self.is_kept else ""
        path = self.write("nginx.conf", f"""
daemon off; master_process off; worker_processes 1; pid {self.dir}/pid;
error_log {self.dir}/error.log crit;
events {{ worker_connections 30000; }}
http {{
    access_log off; keepalive_requests 1000000000; keepalive_timeout 3600s; tcp_nodelay on;
    open_file_cache max=10 inactive=1h; sendfile on; default_type text/plain;
    client_body_temp_path {self.dir}/b; proxy_temp_path {self.dir}/p;
    fastcgi_temp_path {self.dir}/f; uwsgi_temp_path {self.dir}/u; scgi_temp_path {self.dir}/s;
    server {{ listen 127.0.0.1:{self.port} backlog=4096; location / {{ {kept} {answer} }} }}
}}
""")
        return ["nginx", "-p", self.dir, "-c", path]


PROXIES = {c.name: c for c in (Relay, Nginx, Haproxy, Varnish, Sluice)}
