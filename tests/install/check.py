#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""check.py CMAKE BUILD SOURCE - installs a build into a folder of its own and uses what is there."""
import os
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


main()
