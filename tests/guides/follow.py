#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""follow.py CMAKE BUILD GUIDE - does what a guide says, in an empty folder, with what a build installs.

Blocks of the guide: one whose first line names a file is written there; one of `sh` is run; the lines of one of
`output` have to be among what was written since the last of these, in their order. The ports 8080 and 8081 of a guide
are free ones here.
"""
import os
import re
import socket
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def free_ports(count):
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


class Reader:
    def __init__(self, prefix, folder):
        self.folder, self.unread, self.number = folder, "", 0
        path = f"{prefix}/bin:{os.environ['PATH']}"
        # One shell for all of them: what they leave running ends with it.
        self.shell = subprocess.Popen(["bash", "-c", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT\n"
                                       "while read -r block; do . \"$block\"; done"], cwd=folder, text=True,
                                      stdin=subprocess.PIPE, env={**os.environ, "PATH": path})

    def write(self, name, text):
        os.makedirs(os.path.dirname(f"{self.folder}/{name}") or ".", exist_ok=True)
        with open(f"{self.folder}/{name}", "w", encoding="utf-8") as f:
            f.write(text)

    def run(self, text):
        """Each line, where it says, in the folder; none may fail."""
        self.number += 1
        block, said, rc = (f"{self.folder}/.{self.number}.{kind}" for kind in ("sh", "said", "rc"))
        os.mkfifo(rc)
        lines = "".join(line + "\n" if line.endswith("&") else f"({line}) || failed='line {i}'\n"
                        for i, line in enumerate(text.splitlines(), 1))
        self.write(os.path.basename(block), f"failed=; {{\n{lines}}} >{said} 2>&1 </dev/null\necho \"$failed\" >{rc}\n")
        self.shell.stdin.write(block + "\n")
        self.shell.stdin.flush()
        with open(rc, encoding="utf-8") as f:
            failed = f.read().strip()
        with open(said, encoding="utf-8") as f:
            self.unread = f.read()
        if failed:
            sys.exit(f"{failed} failed:\n{text}\n{self.unread}")

    def expect(self, text):
        for line in text.splitlines():
            before, found, self.unread = self.unread.partition(line)
            if not found:
                sys.exit(f"this was not said:\n{line}\nbut:\n{before}")

    def leave(self):
        self.shell.stdin.close()
        self.shell.wait(60)


def main():
    cmake, build, guide = sys.argv[1:4]
    with open(guide, encoding="utf-8") as f:
        text = f.read()
    for name, port in zip(("8080", "8081"), free_ports(2)):
        text = text.replace(name, str(port))
    blocks = BLOCK.findall(text)
    ran = 0
    with tempfile.TemporaryDirectory(prefix="sluice-guide-") as top:
        subprocess.run([cmake, "--install", build, "--prefix", f"{top}/prefix"], check=True, capture_output=True)
        os.mkdir(f"{top}/reader")
        reader = Reader(f"{top}/prefix", f"{top}/reader")
        try:
            for kind, name, block in blocks:
                if name:
                    reader.write(name, block)
                elif kind == "sh":
                    reader.run(block)
                    ran += 1
                elif kind == "output":
                    reader.expect(block)
        finally:
            reader.leave()
    if not ran:
        sys.exit(f"{guide} has nothing to run")
    print(f"{len(blocks)} blocks, {ran} of them run")


main()
