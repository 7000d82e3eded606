# SPDX-License-Identifier: Apache-2.0
"""What the kernel knows of one TCP socket (sock_diag(7)).

A question names the socket, so that neither the number of others nor their coming and going
matters, as it does to /proc/net/tcp.
"""

import socket
import struct

NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST = 1
NO_COOKIE = (0xffffffff, 0xffffffff)

HEADER = struct.Struct("=IHHII")
REQUEST = struct.Struct("=BBBxI")
IDENTITY = struct.Struct("!HH4s12x4s12x")
PLACE = struct.Struct("=III")
SENT_QUEUE = struct.Struct("=16x4x48x8xI")  # behind a header and an identity


def queued_by_peer(client):
    """How many bytes wait in the other end of an IPv4 connection of this machine to be sent to
    `client`, or to be acknowledged by it."""
    host, port = client.getpeername()
    own_host, own_port = client.getsockname()
    identity = IDENTITY.pack(port, own_port, socket.inet_aton(host), socket.inet_aton(own_host))
    identity += PLACE.pack(0, *NO_COOKIE)
    request = REQUEST.pack(socket.AF_INET, socket.IPPROTO_TCP, 0, 0xffffffff) + identity
    length = HEADER.size + len(request)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as kernel:
        kernel.send(HEADER.pack(length, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 1, 0) + request)
        answer = kernel.recv(4096)
    kind = HEADER.unpack_from(answer)[1]
    if kind != SOCK_DIAG_BY_FAMILY:
        raise AssertionError(f"the connection to {host}:{port} has no other end")
    return SENT_QUEUE.unpack_from(answer)[0]
