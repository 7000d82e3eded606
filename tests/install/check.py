#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py CMAKE BUILD SOURCE - installs a build into a folder of its own and uses what is there."""
import os
import shutil
import subprocess
import sys
import tempfile

EXPECTED = ["bin/sluice", "bin/sluice-compile", "bin/sluice-gateway", "bin/sluicectl", "include/sluice/sluice.h",
            "lib/sluice/plugins/rate-limiting.so", "lib/systemd/system/sluice.service",
            "share/sluice/schemas/sluice.schema.json", "share/sluice/schemas/policies/cors.schema.json"]


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def verify_unit(prefix):
    """By systemd itself, where it is: every directive and value of the unit, and no warning."""
    if not shutil.which("systemd-analyze"):
        return
    with open(f"{prefix}/lib/systemd/system/sluice.service") as f:
        unit = f.read().replace("/usr/bin/sluice", f"{prefix}/bin/sluice")
    with open(f"{prefix}/sluice.service", "w") as f:
        f.write(unit)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", f"{prefix}/sluice.service"],
                          capture_output=True, text=True)
    if done.returncode != 0 or "sluice.service" in done.stderr:
        sys.exit(f"systemd-analyze verify: exit code {done.returncode}\n{done.stderr}")


def main():
    cmake, build, source = sys.argv[1:4]
    with tempfile.TemporaryDirectory(prefix="sluice-install-") as prefix:
        run(cmake, "--install", build, "--prefix", prefix)
        for name in EXPECTED:
            if not os.path.exists(f"{prefix}/{name}"):
                sys.exit(f"{name} was not installed")
        # The policies are found without a word about where they are.
        run(f"{prefix}/bin/sluice", "check", f"{source}/configs/quickstart")
        shown = run(f"{prefix}/bin/sluice", "explain", f"{source}/configs/quickstart", "--api", "shop")
        if "rate-limiting" not in shown:
            sys.exit(f"explain shows no chain:\n{shown}")
        run(f"{prefix}/bin/sluicectl", "--help")
        verify_unit(prefix)


main()
