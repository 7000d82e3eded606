# SPDX-License-Identifier: Apache-2.0
"""The integration harness: a real gateway between scripted clients and scripted backends.

    from harness import *

    @case
    def forwards_a_get():
        with Backend(reply(200, "hello")) as backend, Gateway([api("a", backend)]) as gateway:
            answer = gateway.get("/x")
            equal(answer.status, 200)
            equal(backend.requests[0].target, "/x")

    main()

Clients and backends speak raw sockets: nothing between a test and its bytes. Every case is its own
process with its own folder and ports; `run.py` runs them side by side. Standard library only.
"""
from .backend import Backend, echo, reply
from .cases import SCALE, case, check, contains, equal, main, one_of, rows, scratch, wait_for
from .certificates import Authority
from .crowd import Crowd
from .documents import api, balanced, binding, configuration, service
from .gateway import Gateway, Stories, sluice, sluicectl
from .names import NXDOMAIN, SERVFAIL, SRV, Answer, NameServer, Service
from .peers import H2Client, H2Origin, H2Tunnel
from .ports import free_port, is_listening
from .redis import Cluster, Redis, Sentinel
from .wire import Client, Closed, TimedOut, parse_requests

__all__ = [
    "Answer", "Authority", "Backend", "Client", "Closed", "Cluster", "Crowd", "Gateway", "H2Client", "H2Origin", "H2Tunnel",
    "NXDOMAIN", "NameServer", "Redis", "SCALE", "SERVFAIL", "SRV", "Sentinel", "Service", "Stories", "TimedOut", "api",
    "balanced", "binding", "case", "check", "configuration", "contains", "echo", "equal", "free_port",
    "is_listening", "main", "one_of", "parse_requests", "reply", "rows", "scratch", "service", "sluice", "sluicectl", "wait_for",
]
