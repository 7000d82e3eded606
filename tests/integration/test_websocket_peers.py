#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""WebSockets between npm's `ws` as client and as server, who would both compress (RFC 7692)."""
import json
import subprocess

from harness import *
from harness.cases import FRAMING, TOP
from harness.peers import NODE, npm_has

ALL = ["nothing", "text", "zeros", "bytes", "parts"]


def talk(policies=(), **limits):
    """What the two tell of their WebSocket through a gateway, and its record."""
    port = free_port()
    document = api("a", f"http://127.0.0.1:{port}", policies=list(policies))
    document["spec"]["limits"] = limits
    with Gateway([document], options=["--plugins", FRAMING]) as gateway:
        done = subprocess.run(
            ["node", f"{TOP}/tests/peers/ws_talk.mjs", str(gateway.port), str(port)],
            env=NODE, capture_output=True, text=True, timeout=100)
        equal((done.returncode, done.stderr), (0, ""), done.stdout)
        return json.loads(done.stdout), gateway.records(1)[0]


@case(modes="full", seconds=120)
def compression_is_the_peers_business():
    if not npm_has("ws"):
        return
    told, record = talk()
    contains(told["offered"], "permessage-deflate")
    equal(told["agreed"], "permessage-deflate")
    equal((told["protocol"], told["same"], told["pong"]), ("a", ALL, "are you there"))
    equal(told["close"], [3000, "as asked"])
    equal([record[name] for name in ("reason", "messagesIn", "messagesOut", "closedBy", "closeStatus")],
          ["ok", 6, 5, "upstream", 3000])


@case(modes="full", seconds=120)
def limits_count_what_is_on_the_wire():
    """The zeros are 200,000 bytes, and a few hundred when they are compressed; the bytes do not get smaller."""
    if not npm_has("ws"):
        return
    told, record = talk(websocketMessageBytes=2000)
    equal((told["agreed"], told["same"], record["reason"]), ("permessage-deflate", ALL, "ok"))
    told, record = talk(websocketFrameBytes=600)
    equal((told["same"], told["close"], record["reason"]),
          (["nothing", "text", "zeros"], [1009, ""], "websocket_too_large"))


@case(modes="full", seconds=120)
def where_a_policy_looks_nothing_is_compressed():
    """It sees plain text, and its marks arrive; neither peer is told of extensions."""
    if not npm_has("ws"):
        return
    framing = [{"policyRef": {"name": "framing"}, "config": {}}]
    told, record = talk(framing)
    equal((told["offered"], told["agreed"]), (None, ""))
    equal((told["same"], told["pong"], told["close"]), (ALL, "are you there", [3000, "as asked"]))
    equal((record["reason"], record["messagesIn"]), ("ok", 6))
    told, record = talk(framing, websocketMessageBytes=100000)
    equal((told["same"], told["close"], record["reason"]),
          (["nothing", "text"], [1009, ""], "websocket_too_large"))


main()
