#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A policy that is no part of this tree: built against what is installed, signed, loaded by a gateway that runs, replaced
by its next version under load, and crashing."""
import os
import shutil
import subprocess
import time

from harness import *
from harness.cases import BUILD, TOP, scratch
from harness.ledger import Books, LedgerOrigin, Load

CARD = "4111111111111111"
EXAMPLE = f"{TOP}/sdk/examples/mask-numbers"


def run(*command, cwd):
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    equal(done.returncode, 0, f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


class Author:
    """Has the installation, and a copy of the example."""

    def __init__(self):
        self.prefix, self.project = scratch("prefix"), scratch("author") + "/mask-numbers"
        run("cmake", "--install", BUILD, "--prefix", self.prefix, cwd="/")
        shutil.copytree(EXAMPLE, self.project)

    def write(self, *changes):
        for name, before, after in changes:
            path = f"{self.project}/{name}"
            with open(path) as f:
                text = f.read()
            contains(text, before)
            with open(path, "w") as f:
                f.write(text.replace(before, after))

    def build(self, version):
        """The .so, of which a pack was made, signed and verified."""
        run("cmake", "-S", ".", "-B", "build", f"-DCMAKE_PREFIX_PATH={self.prefix}", "-DBUILD_TESTING=OFF",
            cwd=self.project)
        run("cmake", "--build", "build", cwd=self.project)
        sluicectl, pack = f"{self.prefix}/bin/sluicectl", f"mask-numbers-{version}.tar.zst"
        run(sluicectl, "policy", "pack", "build/mask-numbers.so", cwd=self.project)
        if not os.path.exists(f"{self.project}/key"):
            run(sluicectl, "policy", "keygen", "--out", "key", cwd=self.project)
        run(sluicectl, "policy", "sign", pack, "--key", "key", cwd=self.project)
        run(sluicectl, "policy", "verify", pack, "--key", "key.pub", cwd=self.project)
        return f"{self.project}/build/mask-numbers.so"

    def version(self, before, after, *changes):
        self.write(("policy.yaml", f"version: {before}", f"version: {after}"),
                   ("mask-numbers.c", f'"{before}"', f'"{after}"'), *changes)
        return self.build(after)


def install(plugin, folder):
    """As whoever knows that others read the folder meanwhile."""
    shutil.copy(plugin, f"{folder}/.new")
    os.rename(f"{folder}/.new", f"{folder}/mask-numbers.so")


def masked(gateway, port):
    return gateway.get("/card", port=port).text()


def masks_with(gateway, port, mask):
    wait_for(lambda: masked(gateway, port) == mask * 12 + "1111", f"{mask} as the mask")


@case(modes="full", seconds=120)
def a_policy_from_outside_lives_its_life():
    author, plugins = Author(), scratch("plugins")
    install(author.build("1.0.0"), plugins)
    policy = {"policyRef": {"name": "mask-numbers"}}
    ports = [free_port(), free_port(), free_port()]
    with Backend(reply(200, CARD, {"content-type": "text/plain"})) as bank, LedgerOrigin() as origin, \
            Gateway([api("bank", bank, port=ports[0], policies=[policy]),
                     api("busy", origin.address, port=ports[1], policies=[policy]),
                     api("other", bank, port=ports[2])],
                    options=["--plugins", plugins], workers=2) as gateway:
        equal(masked(gateway, ports[0]), "*" * 12 + "1111")

        load = Load(ports[1], keepalive=8)
        second = author.version("1.0.0", "1.1.0", ("policy.yaml", 'default: "*"', 'default: "#"'))
        wait_for(lambda: load.so_far() > 0, "traffic")
        install(second, plugins)  # nothing else: the folder is watched
        masks_with(gateway, ports[0], "#")
        load.stop()
        origin.stop()
        equal(load.failures(), [])
        books = Books(load, origin, gateway.log_path)
        books.require_no_loss()
        print(f"    the next version came among {load.counts['requests']} requests, and none failed")

        third = author.version("1.1.0", "1.2.0", (
            "mask-numbers.c", "	int32_t rc = call->host->field_set(",
            "	if (call->host->fact(x, SLUICE_FACT_PATH).n == sizeof(\"/crash\") - 1)\n"
            "		__builtin_trap();\n	int32_t rc = call->host->field_set("),
            ("policy.yaml", 'default: "#"', 'default: "+"'))
        install(third, plugins)
        masks_with(gateway, ports[0], "+")
        with gateway.client(ports[0]) as client:
            client.send("GET /crash HTTP/1.1\r\nhost: h\r\n\r\n")
            try:
                client.read()
                check(False, "an answer came of a policy that crashed")
            except Closed:
                pass
        began = time.monotonic()
        equal(gateway.get("/", port=ports[2]).text(), CARD)
        print(f"    another API answered {(time.monotonic() - began) * 1000:.0f} ms after the crash")
        crash = wait_for(lambda: gateway.status()["supervisor"]["lastCrashes"], "the crash in status")[0]
        equal((crash["binding"], crash["callback"], crash["exchangesLost"]),
              ("default/bank:mask-numbers", "request_head", 1))
        masks_with(gateway, ports[0], "+")


main()
