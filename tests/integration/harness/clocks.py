# SPDX-License-Identifier: Apache-2.0
"""A gateway whose clock on the wall is set while it runs (tests/tools/shifted_clock).

    clock = ShiftedClock()
    with Gateway(..., env=clock.environment()) as gateway:
        clock.shift(86400)                 # it is tomorrow from now on
"""
import mmap
import struct

from .cases import scratch
from .tools import built


class ShiftedClock:
    def __init__(self):
        self.path = f"{scratch('clock')}/shift"
        with open(self.path, "wb+") as f:
            f.truncate(4096)
            self.memory = mmap.mmap(f.fileno(), 4096)

    def environment(self):
        return {"LD_PRELOAD": built("shifted_clock", library=True), "SLUICE_CLOCK_SHIFT": self.path}

    def shift(self, seconds):
        """Ahead of the machine's by so many; negative: behind it."""
        struct.pack_into("q", self.memory, 0, seconds)
