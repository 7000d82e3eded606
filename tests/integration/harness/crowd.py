# SPDX-License-Identifier: Apache-2.0
"""Threads that ask until their block ends."""
import threading


class Crowd:
    """Each of `tasks` runs in a thread of its own, from the beginning of the block on, until it sees
    that `stop` is set: at the block's end, which waits for all of them."""

    def __init__(self, tasks):
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=task, daemon=True) for task in tasks]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for t in self.threads:
            t.join(30)
