# SPDX-License-Identifier: Apache-2.0
"""Test scripts in forks of a process that has loaded the harness. To start an interpreter and load it again
takes a fifth of a second of a processor, and there are a thousand cases."""
import contextlib
import importlib
import os
import pkgutil
import signal
import sys
import tempfile
import time
import traceback
import types

for _module in pkgutil.iter_modules([os.path.dirname(__file__)]):
    importlib.import_module("." + _module.name, __package__)
_programs = {}


def _program(script):
    if script not in _programs:
        with open(script) as f:
            _programs[script] = compile(f.read(), script, "exec")
    return _programs[script]


def _run(script, arguments):
    """As `python3 script arguments` would, to its end; the exit code."""
    sys.argv = [script, *arguments]
    module = types.ModuleType("__main__")
    module.__file__ = script
    sys.modules["__main__"] = module
    try:
        exec(_program(script), vars(module))
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else e.code is not None
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


def _become(script, arguments, output):
    """In the child: nothing that the parent has open stays open, and nothing of it is run at the end."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 1024)
    code = _run(script, arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class Script:
    """A run of one, and what became of it. Is ended when it takes longer than `seconds`."""
    PATIENCE = 60  # for who was asked to end: it stops its gateways then; killed, it leaves them behind

    def __init__(self, script, arguments, seconds):
        self.began = time.monotonic()
        self.deadline = self.began + seconds
        self.is_asked_to_end = False
        self.file = tempfile.TemporaryFile()
        with contextlib.suppress(SyntaxError):  # which the child tells
            _program(script)
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            _become(script, arguments, self.file.fileno())
        self.descriptor = os.pidfd_open(self.pid)

    def fileno(self):
        """Can be read from once it has ended."""
        return self.descriptor

    def end_when_late(self):
        if time.monotonic() < self.deadline:
            return
        os.kill(self.pid, signal.SIGKILL if self.is_asked_to_end else signal.SIGTERM)
        self.is_asked_to_end = True
        self.deadline = time.monotonic() + self.PATIENCE

    def finish(self):
        """Once it has ended: fills `ok`, `output`, `seconds`, and `cpu`, of it and all that it waited for."""
        _, status, used = os.wait4(self.pid, 0)
        os.close(self.descriptor)
        self.seconds, self.cpu = time.monotonic() - self.began, used.ru_utime + used.ru_stime
        self.ok = status == 0
        self.file.seek(0)
        self.output = self.file.read().decode(errors="replace")
        self.file.close()
        code = os.waitstatus_to_exitcode(status)
        if self.is_asked_to_end:
            self.output += "\nended: it took too long"
        elif code not in (0, 1):
            self.output += f"\nended with {code}" if code > 0 else f"\nended by signal {-code}"
