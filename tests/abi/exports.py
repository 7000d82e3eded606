#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""exports.py NM PLUGIN.so... - a plugin shows the world one symbol."""
import subprocess
import sys

EXPECTED = ["sluice_plugin_v1"]


def main(nm, paths):
    wrong = 0
    for path in paths:
        out = subprocess.run([nm, "-D", "--defined-only", path], capture_output=True, text=True,
                             check=True).stdout
        symbols = [line.split()[-1] for line in out.splitlines()]
        if symbols != EXPECTED:
            wrong += 1
            print(f"{path} exports {symbols}, expected {EXPECTED}")
    print(f"{len(paths)} plugins, {wrong} wrong")
    return len(paths) > 0 and wrong == 0


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1], sys.argv[2:]) else 1)
