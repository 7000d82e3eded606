# SPDX-License-Identifier: Apache-2.0
"""A redis-server of a test's own."""
import contextlib
import os
import signal
import socket
import subprocess

from .cases import scratch, wait_for
from .ports import free_port


def texts(replies):
    """The next reply: its text, or those of all that it has."""
    line = replies.readline().decode().rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind == "*":
        return [text for _ in range(int(rest)) for text in texts(replies)]
    if kind == "$" and rest != "-1":
        return [replies.read(int(rest) + 2)[:-2].decode("utf-8", "replace")]
    return ["" if kind == "$" else rest]


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
        """What redis-cli would print, by the UNIX socket: a process for each question is much beside a load."""
        command = b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in (word.encode() for word in words))
        with socket.socket(socket.AF_UNIX) as s, contextlib.suppress(OSError):
            s.connect(f"{self.dir}/s")
            s.sendall(b"*%d\r\n%s" % (len(words), command))
            with s.makefile("rb") as replies:
                return "\n".join(texts(replies)).strip()
        return ""

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


class ClusterNode(Redis):
    """Of a Cluster. It takes nobody for dead by itself: a machine with much to do is not what a case is about."""

    def __init__(self, *options, tls=None):
        self.bus = free_port()
        super().__init__("cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-node-timeout 60000",
                         f"cluster-port {self.bus}", "repl-diskless-sync-delay 0", *options, tls=tls)

    def start(self):
        super().start()
        self.id = self.ask("CLUSTER", "MYID")

    def follow(self, other):
        wait_for(lambda: self.ask("CLUSTER", "REPLICATE", other.id) == "OK", "a replica's knowing its master", 20)
        wait_for(lambda: "master_link_status:up" in self.ask("INFO", "replication"), "a replica", 20)
        return self


class Cluster:
    """A Redis Cluster of `count` masters, which have the slots among them."""
    SLOTS = 16384

    def __init__(self, *options, count=3, tls=None):
        self.masters, self.more = [ClusterNode(*options, tls=tls) for _ in range(count)], []
        self.options, self.tls = options, tls
        bounds = [i * self.SLOTS // count for i in range(count + 1)]
        for i, node in enumerate(self.masters):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(i + 1))
            node.ask("CLUSTER", "ADDSLOTSRANGE", str(bounds[i]), str(bounds[i + 1] - 1))
        for node in self.masters:
            self.meet(node)
        self.await_agreement()

    @property
    def nodes(self):
        return self.masters + self.more

    def meet(self, node):
        for other in self.nodes:
            if other is not node:
                node.ask("CLUSTER", "MEET", "127.0.0.1", str(other.port), str(other.bus))

    def add(self):
        """A node without slots."""
        node = ClusterNode(*self.options, tls=self.tls)
        self.meet(node)
        self.more.append(node)
        self.await_agreement()
        return node

    def await_agreement(self):
        def agree(node):
            known = [l for l in node.ask("CLUSTER", "NODES").split("\n") if "handshake" not in l]
            return "cluster_state:ok" in node.ask("CLUSTER", "INFO") and len(known) == len(self.nodes)
        wait_for(lambda: all(agree(node) for node in self.nodes), "a cluster that agrees", 30)

    def slot(self, key):
        return self.masters[0].ask("CLUSTER", "KEYSLOT", key)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for node in self.nodes:
            node.kill()
