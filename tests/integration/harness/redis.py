# SPDX-License-Identifier: Apache-2.0
"""A redis-server of a test's own."""
import os
import signal
import subprocess

from .cases import scratch, wait_for
from .ports import free_port


class Redis:
    """On a free port of 127.0.0.1; `tls` (an Authority): with its certificate, and for clients with one of
    the same authority alone. `options`: more lines of its configuration."""

    more = ()

    def __init__(self, *options, tls=None):
        self.dir, self.port, self.tls = scratch("redis"), free_port(), tls
        self.address = f"localhost:{self.port}"
        keeping = [] if self.more else ["save \"\"", "appendonly no"]
        self.lines = [*keeping, f"dir {self.dir}", "bind 127.0.0.1", f"unixsocket {self.dir}/s", *options]
        if tls:
            own = tls.issue("localhost")
            self.lines += ["port 0", f"tls-port {self.port}", f"tls-cert-file {own.crt_path}",
                           f"tls-key-file {own.key_path}", f"tls-ca-cert-file {tls.crt_path}"]
        else:
            self.lines.append(f"port {self.port}")
        self.start()

    def start(self):
        with open(f"{self.dir}/conf", "w") as f:
            f.write("\n".join(self.lines) + "\n")
        self.process = subprocess.Popen(["redis-server", f"{self.dir}/conf", *self.more],
                                        stdout=open(f"{self.dir}/out", "a"),
                                        stderr=subprocess.STDOUT)
        wait_for(self.is_ready, "redis-server", 20)

    def is_ready(self):
        if self.process.poll() is not None:
            with open(f"{self.dir}/out") as f:
                raise AssertionError(f"redis-server ended: {f.read()[-2000:]}")
        said = os.path.exists(f"{self.dir}/s") and self.ask("PING")
        return said and said.startswith(("PONG", "NOAUTH"))

    def ask(self, *words):
        """What redis-cli says to a command, by the UNIX socket."""
        done = subprocess.run(["redis-cli", "-s", f"{self.dir}/s", *words], capture_output=True, text=True)
        return done.stdout.strip()

    def follow(self, other):
        self.ask("REPLICAOF", "127.0.0.1", str(other.port))
        wait_for(lambda: "master_link_status:up" in self.ask("INFO", "replication"), "a replica", 20)
        return self

    def kill(self):
        self.process.kill()
        self.process.wait()
        if os.path.exists(f"{self.dir}/s"):
            os.unlink(f"{self.dir}/s")

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()


class Sentinel(Redis):
    """Watches a server under the name `mymaster`, and decides alone that it is dead."""
    more = ("--sentinel",)

    def __init__(self, watched):
        super().__init__(f"sentinel monitor mymaster 127.0.0.1 {watched.port} 1",
                         "sentinel down-after-milliseconds mymaster 2000",
                         "sentinel failover-timeout mymaster 5000")

    def knows_replica(self):
        words = self.ask("SENTINEL", "MASTER", "mymaster").split("\n")
        return words[words.index("num-slaves") + 1] == "1"
