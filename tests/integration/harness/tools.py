# SPDX-License-Identifier: Apache-2.0
"""Programs and libraries of tests/tools, compiled when they are first needed.

They are built without the gateway's presets, so that they are as fast under a sanitizer as without,
and once for all test processes."""
import fcntl
import glob
import os
import subprocess

from .cases import BUILD, TOP

LIBRARIES = {"ledger": ["-lnghttp2"]}

def built(name, library=False):
    """The path of tests/tools/<name>/*.c as a program, or as a library to preload."""
    folder = f"{TOP}/tests/tools/{name}"
    sources = sorted(glob.glob(f"{folder}/*.c"))
    inputs = sources + glob.glob(f"{folder}/*.h")
    os.makedirs(f"{BUILD}/tools", exist_ok=True)
    out = f"{BUILD}/tools/{name}{'.so' if library else ''}"
    with open(f"{out}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        newest = max(os.path.getmtime(p) for p in inputs)
        if not os.path.exists(out) or os.path.getmtime(out) < newest:
            kind = ["-shared", "-fPIC"] if library else []
            flags = ["-std=c17", "-D_GNU_SOURCE", "-O2", "-g", "-Wall", "-Wextra", "-Werror"]
            subprocess.run([os.environ.get("CC", "cc"), *flags, *kind, f"-I{folder}", *sources,
                            "-o", f"{out}.new", "-ldl", *LIBRARIES.get(name, [])], check=True)
            os.rename(f"{out}.new", out)
    return out
