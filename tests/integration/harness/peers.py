# SPDX-License-Identifier: Apache-2.0
"""Peers that speak what this harness does not: scripts of tests/peers, run by node."""
import json
import subprocess
import threading

from .cases import TOP, wait_for


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
