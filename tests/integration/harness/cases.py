# SPDX-License-Identifier: Apache-2.0
"""Cases, assertions and the main function of a test script.

A script's command line:  test_x.py              runs all its cases that the mode selects
                          test_x.py --list       prints them: name, serial or parallel, seconds
                          test_x.py --only NAME  runs one
The mode comes in SLUICE_TEST_MODE: quick (default), full (long cases), soak. SLUICE_BUILD is the build folder.
"""
import contextlib
import faulthandler
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
BUILD = os.path.abspath(os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build", "dev")))


def plugin_dir(name):
    """Of a policy for tests. A build for release has none of them; that of the unit tests has."""
    own = f"{BUILD}/tests/{name}"
    return own if os.path.exists(f"{own}/{name}.so") else f"{TOP}/build/dev/tests/{name}"


HOSTILE = plugin_dir("hostile")  # misbehaves when it is told to
STEERING = plugin_dir("steering")  # changes of an exchange what it is told to
FRAMING = plugin_dir("framing")  # does with frames what their first letter says
CALLOUT = plugin_dir("callout")  # calls services and tells the upstream what they have answered
WITNESS = plugin_dir("witness")  # tells the upstream what services tell it
MODE = os.environ.get("SLUICE_TEST_MODE", "quick")


def sanitizer_of(build):
    try:
        with open(os.path.join(build, "CMakeCache.txt")) as f:
            m = re.search(r"^SLUICE_SANITIZE:\w+=(.*)$", f.read(), re.M)
            return m[1].strip() if m else ""
    except OSError:
        return ""


SANITIZER = sanitizer_of(BUILD)
# Instrumented programs are slower, and so are those that move byte by byte: every time limit of a test is
# multiplied by this.
SCALE = {"": 1, "thread": 6}.get(SANITIZER, 3) * (4 if os.environ.get("SLUICE_PRELOAD") else 1)

_cases = []
_failures = []


def case(function=None, *, modes="quick", serial=False, seconds=60):
    """Marks a case. `serial` ones measure something and run alone; `modes` says when it runs."""
    def mark(f):
        f.modes, f.serial, f.seconds = modes.split(), serial, seconds * SCALE
        _cases.append(f)
        return f
    return mark(function) if function else mark


def equal(actual, expected, what=""):
    if actual != expected:
        raise AssertionError(f"{what + ': ' if what else ''}got {actual!r}, expected {expected!r}")


def one_of(actual, expected, what=""):
    if actual not in expected:
        raise AssertionError(f"{what + ': ' if what else ''}got {actual!r}, expected one of "
                             f"{expected!r}")


def contains(whole, part, what=""):
    if part not in whole:
        raise AssertionError(f"{what + ': ' if what else ''}{part!r} is not in {whole!r}")


def check(condition, what):
    if not condition:
        raise AssertionError(what)


@contextlib.contextmanager
def rows(name):
    """Around one row of a table: its failure is kept and the next row goes on."""
    try:
        yield
    except Exception as e:
        where = traceback.extract_tb(e.__traceback__)[-1]
        _failures.append(f"{name}: {type(e).__name__}: {e} "
                         f"({os.path.basename(where.filename)}:{where.lineno})")


def wait_for(condition, what, seconds=20):
    """Polls until the condition is true, and returns what it gave."""
    end = time.monotonic() + seconds * SCALE
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds * SCALE} s in vain: {what}")
        time.sleep(0.01)


_scratch = None


def scratch(name=""):
    """A folder of this case alone, removed at the end; with `name`, a new one inside."""
    global _scratch
    if _scratch is None:
        _scratch = tempfile.mkdtemp(prefix="sluice-")
    return tempfile.mkdtemp(prefix=name + "-", dir=_scratch) if name else _scratch


def _on_alarm(*_):
    raise AssertionError("the case took too long")


def _run(function):
    """Runs a case; True when it passed."""
    global _scratch
    _failures.clear()
    signal.signal(signal.SIGALRM, _on_alarm)
    signal.alarm(int(function.seconds))
    try:
        function()
    except Exception:
        _failures.append(traceback.format_exc())
    finally:
        signal.alarm(0)
    keep = _failures and os.environ.get("SLUICE_TEST_KEEP")
    if _scratch and not keep:
        shutil.rmtree(_scratch, ignore_errors=True)
    elif _scratch:
        print(f"    kept: {_scratch}")
    _scratch = None
    for failure in _failures:
        print("    " + failure.rstrip().replace("\n", "\n    "))
    return not _failures


def main():
    """The last line of every script."""
    faulthandler.enable()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    selected = [f for f in _cases if MODE in f.modes]
    if sys.argv[1:] == ["--list"]:
        for f in selected:
            print(f.__name__, "serial" if f.serial else "parallel", int(f.seconds))
        return
    if len(sys.argv) == 3 and sys.argv[1] == "--only":
        selected = [f for f in _cases if f.__name__ == sys.argv[2]]
    passed = 0
    for f in selected:
        began = time.monotonic()
        ok = _run(f)
        passed += ok
        print(f"{'ok' if ok else 'FAILED'} {f.__name__} ({time.monotonic() - began:.1f} s)",
              flush=True)
    # Threads of backends may still wait for bytes: they end with the process.
    sys.stdout.flush()
    os._exit(0 if selected and passed == len(selected) else 1)
