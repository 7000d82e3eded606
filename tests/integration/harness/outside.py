# SPDX-License-Identifier: Apache-2.0
"""What is built outside of the tree: an installation, and policies of sdk/examples against it and nothing else. Made once for
what a build has made and the sources are, by whichever case comes first."""
import fcntl
import hashlib
import os
import shutil
import subprocess

from .cases import BUILD, TOP


def _stamp(*roots):
    """Of names, sizes and times of all files."""
    digest = hashlib.sha256()
    for root in roots:
        for folder, folders, names in os.walk(root):
            folders.sort()
            for path in sorted(os.path.join(folder, name) for name in names):
                st = os.stat(path)
                digest.update(f"{path} {st.st_size} {st.st_mtime_ns}\n".encode())
    return digest.hexdigest()[:16]


def _run(*command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stdout}{done.stderr}")


def _once(name, stamp, make):
    """The folder `name` below the build's, as `make` has filled it for this stamp."""
    top = f"{BUILD}/outside"
    os.makedirs(top, exist_ok=True)
    folder, done = f"{top}/{name}", f"{top}/{name}.{stamp}"
    with open(f"{top}/{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(done):
            shutil.rmtree(folder, ignore_errors=True)
            for old in os.listdir(top):
                if old.startswith(f"{name}.") and not old.endswith(".lock"):
                    os.unlink(f"{top}/{old}")
            make(folder)
            open(done, "w").close()
    return folder


def installation():
    """A prefix that the build under test is installed in."""
    stamp = _stamp(f"{BUILD}/bin", f"{BUILD}/lib", f"{TOP}/sdk")
    return _once("prefix", stamp, lambda folder: _run("cmake", "--install", BUILD, "--prefix", folder))


def build_policy(prefix, source, folder):
    _run("cmake", "-S", source, "-B", folder, f"-DCMAKE_PREFIX_PATH={prefix}", "-DBUILD_TESTING=OFF")
    _run("cmake", "--build", folder)


def example(name):
    """A folder with the .so of that example."""
    prefix, source = installation(), f"{TOP}/sdk/examples/{name}"
    return _once(name, _stamp(source, f"{TOP}/sdk/include"), lambda folder: build_policy(prefix, source, folder))
