#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No room for logs and saved plans: requests are served, what is lost is counted, and it ends by itself."""
import os
import subprocess

from harness import *
from harness.gateway import BUILD


def may_mount():
    """A file system of one's own takes root, and a kernel that lets it."""
    return subprocess.run(["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
                          stderr=subprocess.DEVNULL).returncode == 0


def on_small_disk(folder):
    """The program, with a file system of 64 MiB of its own at `folder`."""
    path = f"{scratch('wrapper')}/sluice"
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexec unshare -m sh -c 'mount -t tmpfs -o size=64m,mode=700 tmpfs "
                f"\"$0\" && exec \"$@\"' \"{folder}\" \"{BUILD}/bin/sluice\" \"$@\"\n")
    os.chmod(path, 0o755)
    return path


class SmallDisk(Gateway):
    """Its state and its access log stand on a file system that only it sees."""

    def start(self):
        self.disk = self.state
        self.program = on_small_disk(self.disk)
        self.log_path = f"{self.disk}/access.log"
        super().start()
        # Seen from here, through the process; a socket's path must be short.
        self.state = f"/proc/{self.process.pid}/root{self.disk}"
        self.log_path = f"{self.state}/access.log"

    def fill(self):
        with open(f"{self.state}/filler", "wb", buffering=0) as f:
            piece = b"x" * 65536
            while piece:
                try:
                    f.write(piece)
                except OSError:
                    piece = piece[:len(piece) // 2]

    def free(self):
        os.unlink(f"{self.state}/filler")


@case(serial=True)
def a_full_disk_costs_records_and_saves_alone():
    if os.geteuid() != 0 or not may_mount():
        return
    with Backend(reply(200, "x")) as backend:
        port = free_port()
        with SmallDisk({"a.yaml": [api("a", backend, port=port)]}) as gateway:
            equal(gateway.get("/", port=port).status, 200)
            wait_for(lambda: gateway.metrics()["sluice_last_good_saves_total"] == 1, "the save")
            gateway.records(1)
            gateway.fill()
            # A page of records may still find room in the last block.
            with gateway.client(port) as client:
                def is_lost():
                    for _ in range(200):
                        equal(client.get("/" + "long" * 100).status, 200)
                    return gateway.metrics()["sluice_log_lines_lost_total"] > 0
                wait_for(is_lost, "lines that are lost", 30)
            failures = gateway.metrics()["sluice_last_good_save_failures_total"]
            equal(failures, 0)
            gateway.save("b.yaml", [api("b", backend, port=port, base="/b")])
            equal(gateway.get("/b/", port=port).status, 200, "a reload")
            wait_for(lambda: gateway.metrics()["sluice_last_good_save_failures_total"] > 0,
                     "the failure to save")
            equal(gateway.status()["plan"]["isSaveFailing"], True)
            equal(gateway.status()["supervisor"]["crashes"], 0)
            gateway.free()
            gateway.save("c.yaml", [api("c", backend, port=port, base="/c")])
            wait_for(lambda: not gateway.status()["plan"]["isSaveFailing"], "a save")

            def is_recorded():
                gateway.get("/after", port=port)
                with open(gateway.log_path) as f:
                    return '"/after"' in f.read()
            wait_for(is_recorded, "records again")


@case(serial=True)
def a_full_disk_costs_entries_of_caches_that_persist():
    if os.geteuid() != 0 or not may_mount():
        return
    policy = {"policyRef": {"name": "http-caching"}, "config": {"persistCache": True}}
    with Backend(reply(200, "x" * 5000, {"Cache-Control": "max-age=600"})) as backend:
        port = free_port()
        with SmallDisk({"a.yaml": [api("a", backend, port=port, policies=[policy])]}) as gateway:
            def failures():
                return sum(n for k, n in gateway.metrics().items() if "sluice_cache_disk_failures_total" in k)
            equal(gateway.get("/1", port=port).status, 200)
            wait_for(lambda: gateway.metrics()["sluice_last_good_saves_total"] == 1, "the save")
            gateway.fill()

            def is_told():
                equal([gateway.get(f"/{i}", port=port).status for i in range(2, 20)], [200] * 18)
                return failures() > 0
            wait_for(is_told, "entries that are not kept", 30)
            equal(gateway.error_text().count("cannot be kept on disk"), 1)
            gateway.free()

            def is_kept():
                found = failures()
                equal([gateway.get(f"/{i}", port=port).status for i in range(20, 40)], [200] * 20)
                return failures() == found
            wait_for(is_kept, "entries that are kept again", 30)


main()
