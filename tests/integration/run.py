#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [--build DIR] [--full|--soak] [-j N] [PATTERN] - runs the integration tests.

Each case of each test_*.py is a process of its own, N at a time (default: two for each processor, since they
wait more than they compute); cases that measure run alone afterwards. --full and --soak run the long cases
instead of the quick ones. PATTERN is a regular expression on "file/case". Output of a case is shown when it
fails, and its end once more at the end of all, where the longest cases stand too. The last line is
"N passed, N failed".
"""
import argparse
import collections
import glob
import os
import re
import selectors
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LINES_OF_A_FAILURE = 15
LONGEST = 15

Case = collections.namedtuple("Case", "name script function is_serial seconds")
Verdict = collections.namedtuple("Verdict", "name ok output seconds cpu")


def name_of(script):
    return os.path.basename(script)[5:-3]


def run_all(jobs, limit):
    """Runs jobs (key, script, arguments, seconds), so many at a time; yields (key, Script) as they end."""
    from harness.scripts import Script  # the harness reads the environment that main() sets
    waiting = collections.deque(jobs)
    with selectors.DefaultSelector() as running:
        while waiting or running.get_map():
            while waiting and len(running.get_map()) < limit:
                key, *job = waiting.popleft()
                running.register(Script(*job), selectors.EVENT_READ, key)
            for event, _ in running.select(1):
                running.unregister(event.fileobj)
                event.fileobj.finish()
                yield event.data, event.fileobj
            for event in list(running.get_map().values()):
                event.fileobj.end_when_late()


def list_cases(scripts, limit):
    """Of all scripts, in their order; one that cannot tell its cases is a case that fails."""
    found = {}
    for script, run in run_all([(s, s, ["--list"], 60) for s in scripts], limit):
        found[script] = [Case(f"{name_of(script)}/{function}", script, function, how == "serial", int(seconds))
                         for function, how, seconds in map(str.split, run.output.splitlines())] \
            if run.ok else [Verdict(f"{name_of(script)}/loads", False, run.output, run.seconds, run.cpu)]
    return [c for s in scripts for c in found[s]]


def run_cases(cases, limit):
    jobs = [(c, c.script, ["--only", c.function], c.seconds + 60) for c in cases]
    for case, run in run_all(jobs, limit):
        yield Verdict(case.name, run.ok, run.output, run.seconds, run.cpu)


def indented(lines):
    return "".join(f"    {line}\n" for line in lines)


def tell(verdict):
    print(f"{'ok    ' if verdict.ok else 'FAILED'} {verdict.name} ({verdict.seconds:.1f} s)", flush=True)
    if not verdict.ok:
        print(indented(verdict.output.rstrip().split("\n")), end="", flush=True)
    return verdict


def tell_longest(verdicts):
    """A case that waits can be shorter, and does not keep others from the processors."""
    print("\nThe longest, and how long they computed:")
    for v in sorted(verdicts, key=lambda v: -v.seconds)[:LONGEST]:
        print(f"  {v.seconds:6.1f} s {v.cpu:6.1f} s  {v.name}")


def summarize(verdicts, seconds):
    """tools/dev/test_stages.sh reads this."""
    failed = [v for v in verdicts if not v.ok]
    print(f"\nintegration tests: {seconds:.0f} s; {len(verdicts)} cases took {sum(v.seconds for v in verdicts):.0f} s "
          f"and computed {sum(v.cpu for v in verdicts):.0f} s")
    for v in failed:
        print(f"FAILED {v.name}")
        print(indented(v.output.rstrip().split("\n")[-LINES_OF_A_FAILURE:]), end="")
    print(f"{len(verdicts) - len(failed)} passed, {len(failed)} failed")
    return not failed


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", default=os.path.join(HERE, "..", "..", "build", "dev"))
    parser.add_argument("--full", action="store_const", const="full", dest="mode", default="quick")
    parser.add_argument("--soak", action="store_const", const="soak", dest="mode")
    parser.add_argument("-j", type=int, default=2 * len(os.sched_getaffinity(0)))
    parser.add_argument("pattern", nargs="?", default="")
    return parser.parse_args()


def run(args):
    began = time.monotonic()
    scripts = sorted(glob.glob(f"{HERE}/test_*.py"))
    cases = [c for c in list_cases(scripts, args.j) if re.search(args.pattern, c.name)]
    verdicts = [tell(c) for c in cases if isinstance(c, Verdict)]
    for is_serial in (False, True):
        chosen = [c for c in cases if isinstance(c, Case) and c.is_serial == is_serial]
        verdicts += map(tell, run_cases(chosen, 1 if is_serial else args.j))
    if len(verdicts) > LONGEST:
        tell_longest(verdicts)
    return summarize(verdicts, time.monotonic() - began)


def main():
    args = parse_arguments()
    build = os.path.abspath(args.build)
    if not os.path.exists(f"{build}/bin/sluice"):
        sys.exit(not summarize([Verdict("integration", False, f"{build}/bin/sluice is not built", 0, 0)], 0))
    os.environ.update(SLUICE_BUILD=build, SLUICE_TEST_MODE=args.mode, PYTHONDONTWRITEBYTECODE="1")
    sys.dont_write_bytecode = True
    sys.exit(not run(args))


main()
