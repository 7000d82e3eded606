# SPDX-License-Identifier: Apache-2.0
"""Ports that nobody else takes: outside the range that outgoing connections use, and held among
the processes of a test run by a lock with the port's name that dies with its process."""
import random
import socket

_locks = []


def _ephemeral_start():
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            return int(f.read().split()[0])
    except OSError:
        return 32768


def _lock(port):
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind(f"\0sluice-test-port-{port}")
    except OSError:
        lock.close()
        return False
    _locks.append(lock)
    return True


def _is_free(port):
    for family, host in ((socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family) as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                s.bind((host, port))
        except OSError as e:
            if family == socket.AF_INET or e.errno == 98:  # 98: in use; else there is no IPv6
                return False
    return True


def free_port():
    top = max(_ephemeral_start(), 12000)
    for _ in range(1000):
        port = random.randrange(10000, top)
        if _lock(port) and _is_free(port):
            return port
    raise RuntimeError("no free port")


def is_listening(port):
    """Whether somebody takes connections there, or did so a moment ago: one that closes its socket meanwhile
    resets what has just come."""
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
        return True
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:
        return True
