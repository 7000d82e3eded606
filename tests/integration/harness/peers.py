# SPDX-License-Identifier: Apache-2.0
"""Peers that speak what this harness does not: scripts of tests/peers, run by node."""
import json
import os
import socket
import subprocess
import threading

from .cases import SCALE, TOP, wait_for
from .wire import Reader

# What of it is not node's own.
NODE = {**os.environ, "PEERS": f"{TOP}/build/peers"}


def npm_has(package):
    """Whether a stock library is there; says so where it is not."""
    found = os.path.isdir(f"{TOP}/build/peers/node_modules/{package}")
    if not found:
        print("    skipped: no npm when the tests were prepared (peers_provide in tools/dev/packages.sh)")
    return found


class Program:
    """Another program, `process`, that ends with the block it serves."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()


class H2Origin:
    """An HTTP/2 upstream (tests/peers/h2_origin.mjs); what it does stands in the path of a request."""

    def __init__(self, streams=None, certificate=None):
        arguments = [str(streams or "")]
        if certificate:
            arguments += [certificate.crt_path, certificate.key_path]
        self.process = subprocess.Popen(["node", f"{TOP}/tests/peers/h2_origin.mjs", *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.authority = f"localhost:{self.port}" if certificate else f"127.0.0.1:{self.port}"
        self.address = f"h2://{self.authority}"
        self.told = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.told.append(json.loads(line))

    def connections(self):
        return sum("path" not in event for event in self.told)

    def ended(self, path):
        """The codes that requests of a path ended with, once there is one."""
        return wait_for(lambda: [e["code"] for e in self.told if e.get("path") == path],
                        f"the end of {path}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.reader.join()
        self.process.stdout.close()


class SecureProxy(Program):
    """A forward proxy that is spoken to by TLS (tests/peers/secure_proxy.mjs)."""

    def __init__(self, certificate, clients_of=None, version=None):
        arguments = [certificate.crt_path, certificate.key_path, *([clients_of.crt_path] if clients_of else [])]
        self.process = subprocess.Popen(["node", f"{TOP}/tests/peers/secure_proxy.mjs", *arguments],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**os.environ, **({"TLS_MAX": version} if version else {})})
        self.port = json.loads(self.process.stdout.readline())["port"]
        self.address = f"https://localhost:{self.port}"
        self.connections, self.asked = [], []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self.process.stdout:
                told = json.loads(line)
                (self.asked if "method" in told else self.connections).append(told)
        except ValueError:  # closed
            pass


class H2Client(Program):
    """An HTTP/2 client (tests/peers/h2_client.mjs): many requests on one connection."""

    def __init__(self, port):
        self.process = subprocess.Popen(["node", f"{TOP}/tests/peers/h2_client.mjs", str(port)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.count, self.early = 0, {}

    def start(self, path, headers=None, body=None, method="GET", **more):
        """Sends a request; its number is for `end`."""
        self.count += 1
        request = {"id": self.count, **more,
                   "headers": {":method": method, ":path": path, **(headers or {})}}
        if body is not None:
            request["body"] = body
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.count

    def end(self, number):
        """What came of it: headers, body, trailers, code."""
        while number not in self.early:
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("the HTTP/2 client has ended")
            told = json.loads(line)
            self.early[told.get("id")] = told
        return self.early.pop(number)

    def ask(self, *args, **kwargs):
        return self.end(self.start(*args, **kwargs))

    def call(self, path, message="", headers=None, **more):
        """A gRPC call with one message."""
        frame = "\0" + len(message).to_bytes(4, "big").decode("latin1") + message
        return self.ask(path, {"content-type": "application/grpc", "te": "trailers", **(headers or {})},
                        frame, "POST", **more)


class H2Tunnel(Program):
    """What an HTTP/2 client asks by an extended CONNECT (tests/peers/h2_websocket.mjs), and the bytes behind."""

    def __init__(self, port, target="/ws", early=b"", protocol="websocket", **fields):
        names = {":method": "CONNECT", ":protocol": protocol, ":scheme": "http", ":path": target,
                 ":authority": "h", "sec-websocket-version": "13"}
        names.update({name.replace("_", "-"): value for name, value in fields.items()})
        headers = {name: value for name, value in names.items() if value is not None}
        self.sock, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            ["node", f"{TOP}/tests/peers/h2_websocket.mjs", str(port), json.dumps(headers), early.hex()],
            stdin=theirs, stdout=subprocess.PIPE, text=True)
        theirs.close()
        self.reader = Reader(self.sock, 20 * SCALE)
        told = json.loads(self.process.stdout.readline())
        self.offered, self.headers, self.code = told["offered"], told.get("headers", {}), told.get("code")
        self.status = self.headers.get(":status")

    def send(self, data):
        self.sock.sendall(data)

    def is_closed(self):
        return self.reader.is_ended()

    def close(self):
        """No more comes from here."""
        self.sock.shutdown(socket.SHUT_WR)

    def __exit__(self, *details):
        super().__exit__(*details)
        self.sock.close()
