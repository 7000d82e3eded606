# SPDX-License-Identifier: Apache-2.0
"""Allocations and system calls of a gateway that fail when they are told to (tests/tools/faults).

    faults = Faults()
    with Gateway(..., env=faults.environment()) as gateway:
        faults.arm()                       # counts, nothing fails
        gateway.get("/")
        counts = faults.disarm()           # {"allocate": 12, "recv": 4, …}
        faults.arm("recv", 3, errno.ECONNRESET)
        ...                                # its third recv fails
"""
import errno
import mmap
import struct

from .cases import scratch
from .tools import built

# As in faults.c, in its order; with the errors that such a call may really have.
ERRORS = {
    "allocate": [errno.ENOMEM],
    "read": [errno.EIO, errno.EINTR],
    "write": [errno.ENOSPC, errno.EIO, errno.EINTR],
    "recv": [errno.ECONNRESET, errno.ETIMEDOUT, errno.EINTR],
    "send": [errno.EPIPE, errno.ECONNRESET, errno.EINTR],
    "accept": [errno.EMFILE, errno.ECONNABORTED, errno.ENOBUFS],
    "connect": [errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.EINTR],
    "socket": [errno.EMFILE, errno.ENOBUFS],
    "open": [errno.EMFILE, errno.EACCES, errno.EINTR],
    "sync": [errno.EIO, errno.ENOSPC],
    "rename": [errno.ENOSPC, errno.EACCES],
    "epoll_ctl": [errno.ENOMEM, errno.ENOSPC],
    "epoll_wait": [errno.EINTR],
    "descriptor": [errno.EMFILE],
    "option": [errno.ENOBUFS],
    "stat": [errno.EIO],
    "map": [errno.ENOMEM],
    "thread": [errno.EAGAIN],
    "resolve": [errno.ENOMEM],
    "spawn": [errno.EAGAIN],
}
NAMES = ["none", *ERRORS]
HEAD = struct.Struct("32sIIIIi")
COUNTS = struct.Struct(f"{len(NAMES)}II")


class Faults:
    """Of the processes called `program` that run with environment()."""

    def __init__(self, program="sluice-gateway"):
        self.path = f"{scratch('faults')}/control"
        with open(self.path, "wb+") as f:
            f.truncate(4096)
            self.memory = mmap.mmap(f.fileno(), 4096)
        self.program = program.encode()
        self._set(0, 0, 0, 0, 0)

    def environment(self):
        return {"LD_PRELOAD": built("faults", library=True), "SLUICE_FAULTS": self.path}

    def _set(self, armed, kind, first, last, error):
        HEAD.pack_into(self.memory, 0, self.program, 0, kind, first, last, error)
        HEAD.pack_into(self.memory, 0, self.program, armed, kind, first, last, error)

    def arm(self, kind="none", number=0, error=0, last=None):
        """From now on; the number-th call of that kind fails (up to the last-th)."""
        self._set(0, 0, 0, 0, 0)
        COUNTS.pack_into(self.memory, HEAD.size, *[0] * (len(NAMES) + 1))
        self._set(1, NAMES.index(kind), number, last or number, error)

    def disarm(self):
        """{kind: calls since arm()}; `failures` are how many of them failed."""
        self._set(0, 0, 0, 0, 0)
        *counts, self.failures = COUNTS.unpack_from(self.memory, HEAD.size)
        return dict(zip(NAMES[1:], counts[1:]))
