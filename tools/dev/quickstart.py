#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""quickstart.py TOP [--check] - what tools/run does once everything is built.

Starts the demo origin and the gateway on configs/quickstart. With --check, sends what
configs/quickstart/requests.txt lists: blocks of

    $ curl ...              the command, run as written (without a shell)
    < text                  must stand in the output, ignoring case
    ! text                  must not

and prints each command with its output and a verdict.
"""
import os
import shlex
import signal
import socket
import subprocess
import sys
import time

START_SECONDS = 20
ORIGIN_PORT = 9090


def read_requests(path):
    requests = []
    with open(path) as f:
        for number, line in enumerate(f, 1):
            line = line.rstrip("\n")
            if not line or line.startswith("#"):
                continue
            mark, _, text = line.partition(" ")
            if mark == "$":
                requests.append((text, []))
            elif mark in ("<", "!") and requests:
                requests[-1][1].append((mark, text))
            else:
                sys.exit(f"{path}:{number}: neither a command nor an expectation: {line}")
    return requests


def wrong(output, expectations):
    """The expectations that the output does not meet."""
    lower = output.lower()
    return [f"{mark} {text}" for mark, text in expectations
            if (text.lower() in lower) != (mark == "<")]


def send(requests):
    failed = 0
    for command, expectations in requests:
        print(f"\n$ {command}", flush=True)
        words = shlex.split(command)
        done = subprocess.run(words + (["-sS"] if words[0] == "curl" else []),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30)
        output = done.stdout.decode(errors="replace").replace("\r", "")
        print(output.rstrip())
        missing = wrong(output, expectations)
        if not expectations and done.returncode != 0:
            missing = [f"exit code 0, got {done.returncode}"]
        for line in missing:
            print(f"NOT AS EXPECTED: {line}")
        print("-> " + ("wrong" if missing else "right"))
        failed += bool(missing)
    print(f"\n{len(requests) - failed} passed, {failed} failed")
    return failed == 0 and len(requests) > 0


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def wait_until_ready(top, state, programs):
    """The gateway and the origin: either may be the slower one."""
    probe = [f"{top}/build/release/bin/sluicectl", "probe", "--check=readiness", "--state", state]
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        for name, process in programs.items():
            if process.poll() is not None:
                sys.exit(f"the {name} ended with exit code {process.returncode}")
        done = subprocess.run(probe, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0 and is_listening(ORIGIN_PORT):
            return
        time.sleep(0.05)
    sys.exit(f"the gateway or its origin was not ready after {START_SECONDS} s")


def stop(programs):
    clean = True
    for name, process in reversed(programs.items()):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(timeout=35)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        if name == "gateway" and code != 0:
            print(f"the gateway ended with exit code {code}")
            clean = False
    return clean


def main():
    top, check = sys.argv[1], "--check" in sys.argv[2:]
    state = f"{top}/build/quickstart-state"
    os.makedirs(state, mode=0o700, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    programs = {"demo origin": subprocess.Popen([sys.executable, f"{top}/tools/demo/origin.py", str(ORIGIN_PORT)])}
    right = False
    try:
        programs["gateway"] = subprocess.Popen(
            [f"{top}/build/release/bin/sluice", "run", "--config", "configs/quickstart",
             "--plugins", "build/release/lib/sluice/plugins",
             "--state", "build/quickstart-state"], cwd=top)
        wait_until_ready(top, state, programs)
        if check:
            right = send(read_requests(f"{top}/configs/quickstart/requests.txt"))
        else:
            print("ready: try the lines that begin with $ in configs/quickstart/requests.txt; "
                  "Ctrl-C stops", flush=True)
            right = programs["gateway"].wait() == 0
    except KeyboardInterrupt:
        right = True
    finally:
        clean = stop(programs)
    sys.exit(0 if right and clean else 1)


main()
