#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every folder of configs/ is right, and starts."""
import os
import re
import shutil
import socket

from harness import *
from harness.cases import TOP
from harness.gateway import PLUGINS


def folders():
    """Each folder below configs/ that has YAML files of its own."""
    return sorted(folder for folder, _, names in os.walk(f"{TOP}/configs")
                  if any(n.endswith(".yaml") for n in names))


def with_free_ports(folder):
    """A copy that listens on free ports of the loopback address: {port written: port used}."""
    copy = f"{scratch('example')}/config"
    shutil.copytree(folder, copy)
    used = {}
    for name in os.listdir(copy):
        if not name.endswith(".yaml"):
            continue
        with open(f"{copy}/{name}") as f:
            text = f.read()

        def replace(m):
            port = used.setdefault(m[2], free_port())
            return f"{m[1]}127.0.0.1:{port}" if m[1].endswith("//") else f"{m[1]}{port}"
        text = re.sub(r"(address: \"?https?://)(?:0\.0\.0\.0|127\.0\.0\.1):(80\d\d)", replace, text)
        text = re.sub(r"(probe: \{enabled: true, port: )(\d+)", replace, text)
        with open(f"{copy}/{name}", "w") as f:
            f.write(text)
    return copy, used


@case
def every_folder_passes_the_check():
    check(len(folders()) >= 4, "too few examples")
    for folder in folders():
        with rows(os.path.relpath(folder, TOP)):
            done = sluice("check", folder, "--plugins", PLUGINS)
            equal((done.returncode, done.stdout + done.stderr), (0, ""))


@case
def every_folder_starts():
    for folder in folders():
        with rows(os.path.relpath(folder, TOP)):
            copy, ports = with_free_ports(folder)
            with Gateway({}, wait=False) as gateway:
                for name in sorted(os.listdir(copy)):
                    with open(f"{copy}/{name}") as f:
                        gateway.write(name, f.read())
                gateway.wait_until_ready()
                wait_for(lambda: gateway.status()["errors"] == 0, "a configuration without mistakes")
                for port in ports.values():
                    socket.create_connection(("127.0.0.1", port), 5).close()


@case
def the_probe_port_tells_health_and_nothing_else():
    copy, ports = with_free_ports(f"{TOP}/configs/examples/observability")
    with open(f"{copy}/apis.yaml") as f:
        text = f.read()
    with Gateway({"apis.yaml": text}) as gateway:
        port = ports["3000"]
        equal(gateway.get("/probes/readiness", port=port).status, 200)
        equal(gateway.get("/probes/liveness", port=port).status, 200)
        contains(gateway.get("/metrics", port=port).text(), "sluice_build_info")
        equal(gateway.get("/status", port=port).status, 404)
        one_of(gateway.request("POST", "/reload", port=port).status, (404, 405))


main()
