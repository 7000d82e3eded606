#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py SLUICE_COMPILE PLUGINS... [--update] [--thin] - what the compiler says about good and bad configurations.

bad/NAME.yaml or bad/NAME/  is checked as an operator would do it; the output has to be NAME.expect, to the
                            byte, and the exit code 1 exactly when there is an error in it. The last lines
                            say what the plan does with each API: open, closed (503), or no listener;
                            and whether it is incomplete, which keeps a gateway on what it serves.
good/NAME.yaml or good/NAME/ has to pass without a word; the plan has to be NAME.plan.json, without the
                            plugins' paths and digests.

A line `# env: NAME=value` in a file sets a variable for it. Every good file is also fed cut off after every
line, which must give errors or a plan but no crash; one cut in four unless SLUICE_TEST_MODE is full. --update
writes what is expected. --thin, for slow builds: one cut in four, and plans of one bad case in four. Among PLUGINS
are those of tests: one whose schema names every format, one that calls services.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

TOP = os.path.dirname(os.path.abspath(__file__))
COMPILE = os.path.abspath(sys.argv[1])
PLUGINS = [word for folder in sys.argv[2:] if folder[:2] != "--"
           for word in ("--plugins", os.path.abspath(folder))]
UPDATE = "--update" in sys.argv
THIN = "--thin" in sys.argv
EVERY = 4 if THIN else 1
EVERY_CUT = 4 if THIN or os.environ.get("SLUICE_TEST_MODE") != "full" else 1
failures = []


def fail(name, message):
    failures.append(name)
    print(f"FAILED {name}: {message}")


def text_of(path):
    with open(path, "rb") as f:
        return f.read()


def sources(path):
    if not os.path.isdir(path):
        return [path]
    return [os.path.join(d, n) for d, _, names in os.walk(path) for n in names]


def environment(path):
    env = dict(os.environ)
    for source in sources(path):
        if not os.path.exists(source):
            continue
        for line in text_of(source).split(b"\n"):
            if line.startswith(b"# env: "):
                name, _, value = line[7:].decode().partition("=")
                env[name] = value
    return env


def run(folder, *args):
    return subprocess.run([COMPILE, *args, *PLUGINS], cwd=folder, timeout=120,
                          capture_output=True, env=environment(os.path.join(folder, args[-1])))


def compare(name, path, got, is_beginning=False):
    if UPDATE:
        with open(path, "wb") as f:
            f.write(got)
        return
    expected = text_of(path) if os.path.exists(path) else b""
    if got != (expected[:len(got)] if is_beginning else expected):
        fail(name, f"expected\n{expected.decode(errors='replace')}got\n"
                   f"{got.decode(errors='replace')}")


def cases(folder):
    names = sorted(os.listdir(folder))
    return [n for n in names if not n.endswith((".expect", ".json", ".explain", ".pem"))]


def states(folder, name):
    """One line for each API: what it answers."""
    plan = json.loads(run(folder, "compile", "--print", name).stdout)
    lines = ["incomplete\n"] if plan.get("incomplete") else []
    for api in plan["apis"]:
        state = "closed" if "error" in api else "open"
        if api["listener"] < 0:
            state += ", no listener"
        lines.append(f"{api['namespace']}/{api['name']}: {state}\n")
    return "".join(lines).encode()


def check_bad(folder, name, number):
    done = run(folder, "check", name)
    compiles = number % EVERY == 0
    compare(name, os.path.join(folder, name.removesuffix(".yaml") + ".expect"),
            done.stderr + (states(folder, name) if compiles else b""), is_beginning=not compiles)
    has_error = b"\n0 errors" not in b"\n" + done.stderr and done.stderr != b""
    if done.returncode != int(has_error) or done.stdout:
        fail(name, f"exit code {done.returncode}, output {done.stdout!r}")


def check_cut(folder, scratch, name):
    """Half-written files: cut after every line."""
    lines = text_of(os.path.join(folder, name)).splitlines(keepends=True)
    for n in range(0, len(lines), EVERY_CUT):
        path = os.path.join(scratch, name)
        with open(path, "wb") as f:
            f.write(b"".join(lines[:n]))
        done = run(scratch, "check", name)
        if done.returncode not in (0, 1):
            fail(name, f"cut after line {n}: exit code {done.returncode}, {done.stderr!r}")


def without_machine(plan):
    for plugin in plan["plugins"]:
        assert plugin["abi"].startswith("0.") and list(plugin["versions"]) == plugin["policies"], plugin
        for changing in ("path", "sha256", "abi", "versions"):
            del plugin[changing]
    for file in plan["files"]:
        del file["sha256"]
    return plan


def check_good(folder, name):
    done = run(folder, "check", name)
    if done.returncode or done.stderr or done.stdout:
        fail(name, f"exit code {done.returncode}, {done.stderr.decode()}")
    done = run(folder, "compile", "--print", name)
    if done.returncode:
        return fail(name, f"compile: exit code {done.returncode}, {done.stderr.decode()}")
    plan = json.dumps(without_machine(json.loads(done.stdout)), indent=1) + "\n"
    compare(name, os.path.join(folder, name.removesuffix(".yaml") + ".plan.json"), plan.encode())


def policies():
    """Those that are built in, and the included ones: the first folder of PLUGINS has them."""
    done = subprocess.run([COMPILE, "schema", "--names", *PLUGINS[:2]], capture_output=True, text=True, check=True)
    return re.findall(r"^policies/(\S+)$", done.stdout, re.M)


def check_policies(folder):
    """Each policy has a bad case in which its own configuration is what is wrong."""
    covered = set()
    for name in cases(folder):
        expected = os.path.join(folder, name.removesuffix(".yaml") + ".expect")
        if name.endswith(".yaml") and b".config" in text_of(expected):
            covered |= set(re.findall(rb"name: ([a-z0-9-]+)", text_of(os.path.join(folder, name))))
    for policy in policies():
        if policy.encode() not in covered and f"{policy}-flex".encode() not in covered:
            fail(policy, "no bad case is about its configuration")


def main():
    bad, good = os.path.join(TOP, "bad"), os.path.join(TOP, "good")
    with tempfile.TemporaryDirectory(prefix="sluice-") as scratch, ThreadPoolExecutor(4) as pool:
        work = [pool.submit(check_bad, bad, name, n) for n, name in enumerate(cases(bad))]
        work += [pool.submit(check_good, good, name) for name in cases(good)]
        work += [pool.submit(check_cut, good, scratch, name) for name in cases(good)
                 if name.endswith(".yaml")]
        for each in work:
            each.result()
    check_policies(bad)
    print(f"{len(cases(bad))} bad, {len(cases(good))} good, {len(failures)} failures")
    sys.exit(1 if failures or not cases(bad) or not cases(good) else 0)


main()
