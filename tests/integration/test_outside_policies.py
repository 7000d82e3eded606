#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Policies that are no part of this tree, three of different kinds: built against what is installed, packed, signed, loaded by
a gateway that runs, replaced by their next versions under load, and crashing."""
import os
import re
import shutil
import socket
import struct
import subprocess
import time

from harness import *
from harness.cases import TOP
from harness.ledger import Books, LedgerOrigin, Load
from harness.outside import build_policy, installation

CARD = "4111111111111111"
HEAD = re.compile(r"(static int32_t request_head\(const struct sluice_call \*call, struct sluice_exchange \*(\w+)\)\n\{\n)")


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    equal(done.returncode, 0, f"{' '.join(command)}: {done.stdout}{done.stderr}")


class Author:
    """Has an installation, and a copy of an example."""

    def __init__(self, prefix, name):
        self.prefix, self.name, self.version = prefix, name, "1.0.0"
        self.project = shutil.copytree(f"{TOP}/sdk/examples/{name}", f"{scratch('author')}/{name}")
        run(f"{prefix}/bin/sluicectl", "policy", "keygen", "--out", "key", cwd=self.project)

    def change(self, name, change):
        path = f"{self.project}/{name}"
        with open(path) as f:
            before = f.read()
        after = change(before)
        check(after != before, f"{name} has changed")
        with open(path, "w") as f:
            f.write(after)

    def next_version(self, version):
        for name in ("policy.yaml", f"{self.name}.c"):
            self.change(name, lambda text: text.replace(self.version, version))
        self.version = version

    def build(self):
        """The .so, of which a pack was made, signed and verified."""
        build_policy(self.prefix, self.project, f"{self.project}/build")
        sluicectl, pack = f"{self.prefix}/bin/sluicectl", f"{self.name}-{self.version}.tar.zst"
        run(sluicectl, "policy", "pack", f"build/{self.name}.so", cwd=self.project)
        run(sluicectl, "policy", "sign", pack, "--key", "key", cwd=self.project)
        run(sluicectl, "policy", "verify", pack, "--key", "key.pub", cwd=self.project)
        return f"{self.project}/build/{self.name}.so"

    def install(self, folder):
        """As whoever knows that others read the folder meanwhile."""
        shutil.copy(self.build(), f"{folder}/.{self.name}.new")
        os.rename(f"{folder}/.{self.name}.new", f"{folder}/{self.name}.so")


class Events:
    """A reader of /events, who stays."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20 * SCALE)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nhost: h\r\n\r\n")

    def next(self):
        while b"event: count" not in (piece := self.socket.recv(65536)):
            check(piece, "the stream has not ended")

    def leave(self):
        """By a reset: of a client that only says nothing more, one cannot know that it does not read."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def install_next(authors, version, folder):
    for author in authors:
        author.next_version(version)
        author.install(folder)


def crash(gateway, port, other_port, name):
    with gateway.client(port) as client:
        client.send("GET /crash HTTP/1.1\r\nhost: h\r\n\r\n")
        try:
            client.read()
            check(False, "an answer came of a policy that crashed")
        except Closed:
            pass
    began = time.monotonic()
    equal(gateway.get("/", port=other_port).text(), CARD)
    print(f"    another API answered {(time.monotonic() - began) * 1000:.0f} ms after the crash of {name}")
    last = wait_for(lambda: (c := gateway.status()["supervisor"]["lastCrashes"]) and
                    c[0]["binding"].endswith(f":{name}") and c[0], "the crash in status")
    equal((last["callback"], last["exchangesLost"]), ("request_head", 1))


@case(modes="full", seconds=180)
def policies_from_outside_live_their_life():
    prefix, folder = installation(), scratch("plugins")
    authors = [Author(prefix, name) for name in ("authorizer", "event-counter", "mask-numbers")]
    for author in authors:
        author.install(folder)
    ports = {name: free_port() for name in ("authorizer", "event-counter", "mask-numbers", "busy", "other")}
    with Backend(reply(200, CARD, {"content-type": "text/plain"})) as bank, LedgerOrigin() as origin, \
            Backend(reply(204, "")) as judge:
        policies = {
            "authorizer": {"policyRef": {"name": "authorizer"}, "config": {
                "services": [judge.address], "rememberSeconds": 0}},
            "event-counter": {"policyRef": {"name": "event-counter"}, "config": {"intervalMilliseconds": 50}},
            "mask-numbers": {"policyRef": {"name": "mask-numbers"}, "config": {}},
        }
        apis = [api(name, bank, port=ports[name], policies=[policy]) for name, policy in policies.items()]
        apis.append(api("busy", origin.address, port=ports["busy"], policies=list(policies.values())))
        apis.append(api("other", bank, port=ports["other"]))
        with Gateway(apis, options=["--plugins", folder], workers=2) as gateway:
            def masks_with(mask):
                wait_for(lambda: gateway.get("/card", port=ports["mask-numbers"]).text() == mask * 12 + "1111",
                         f"{mask} as the mask")
            masks_with("*")
            load, events = Load(ports["busy"], keepalive=8), Events(ports["busy"])
            wait_for(lambda: load.so_far() > 0, "traffic")
            events.next()
            authors[2].change("policy.yaml", lambda text: text.replace('default: "*"', 'default: "#"'))
            install_next(authors, "1.1.0", folder)  # nothing else: the folder is watched
            masks_with("#")
            events.next()
            events.leave()
            load.stop()
            origin.stop()
            equal(load.failures(), [])
            Books(load, origin, gateway.log_path).require_no_loss()
            print(f"    the next versions came among {load.counts['requests']} requests, and none failed")

            authors[2].change("policy.yaml", lambda text: text.replace('default: "#"', 'default: "+"'))
            for author in authors:
                author.change(f"{author.name}.c", lambda text: HEAD.sub(
                    r"\1	if (call->host->fact(\2, SLUICE_FACT_PATH).n == 6)" "\n\t\t__builtin_trap();\n", text))
            install_next(authors, "1.2.0", folder)
            masks_with("+")
            for author in authors:
                crash(gateway, ports[author.name], ports["other"], author.name)
            masks_with("+")


main()
