#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--build DIR] [--full|--soak] [-j N] [PATTERN] - runs the integration tests.

Each case of each test_*.py is a process of its own, N at a time (default 3: they wait more than they compute); cases that measure run
alone afterwards. --full and --soak run the long cases instead of the quick ones. PATTERN is a regular expression on "file/case". Output of a case is shown when it
fails. The last line is "N passed, N failed".
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))


def list_cases(script, env):
    done = subprocess.run([sys.executable, script, "--list"], env=env, capture_output=True,
                          text=True)
    name = os.path.basename(script)[5:-3]
    if done.returncode != 0:
        print(done.stderr)
        return [(f"{name}/loads", script, None, False, 10)]
    cases = []
    for line in done.stdout.splitlines():
        function, how, seconds = line.split()
        cases.append((f"{name}/{function}", script, function, how == "serial", int(seconds)))
    return cases


def end(process):
    """What it wrote. Asked first: it stops its gateways then; killed, it leaves them behind."""
    process.terminate()
    try:
        return process.communicate(timeout=60)[0]
    except subprocess.TimeoutExpired as e:
        process.kill()
        process.wait()
        process.stdout.close()  # somebody that it started may hold the other end
        return (e.output or b"").decode(errors="replace")


def run_case(case, env):
    name, script, function, _, seconds = case
    began = time.monotonic()
    if function is None:
        return name, False, "the script does not load", 0
    process = subprocess.Popen([sys.executable, script, "--only", function], env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        output, _ = process.communicate(timeout=seconds + 60)
    except subprocess.TimeoutExpired:
        output = end(process) + "\nended: it took too long"
    return name, process.returncode == 0, output, time.monotonic() - began


def report(result):
    name, ok, output, seconds = result
    print(f"{'ok    ' if ok else 'FAILED'} {name} ({seconds:.1f} s)", flush=True)
    if not ok:
        print("    " + output.rstrip().replace("\n", "\n    "), flush=True)
    return ok


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build", "dev"))
    parser.add_argument("--full", action="store_const", const="full", dest="mode", default="quick")
    parser.add_argument("--soak", action="store_const", const="soak", dest="mode")
    parser.add_argument("-j", type=int, default=3)
    parser.add_argument("pattern", nargs="?", default="")
    args = parser.parse_args()

    build = os.path.abspath(args.build)
    if not os.path.exists(f"{build}/bin/sluice"):
        print(f"{build}/bin/sluice is not built")
        print("FAILED integration")
        print("0 passed, 1 failed")
        sys.exit(1)
    env = {**os.environ, "SLUICE_BUILD": build, "PYTHONDONTWRITEBYTECODE": "1",
           "SLUICE_TEST_MODE": args.mode}
    scripts = sorted(glob.glob(f"{HERE}/test_*.py"))
    cases = [c for s in scripts for c in list_cases(s, env) if re.search(args.pattern, c[0])]
    began = time.monotonic()
    with ThreadPoolExecutor(args.j) as pool:
        results = [pool.submit(run_case, c, env) for c in cases if not c[3]]
        verdicts = [(r.result()[0], report(r.result())) for r in results]
    for c in cases:
        if c[3]:
            result = run_case(c, env)
            verdicts.append((result[0], report(result)))
    failed = [name for name, ok in verdicts if not ok]
    print(f"\nintegration tests: {time.monotonic() - began:.0f} s")
    for name in failed:
        print(f"FAILED {name}")
    print(f"{len(verdicts) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)


main()
