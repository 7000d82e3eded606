#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""sdk/examples/chat-guard as its users build it: masks, warns and closes, over HTTP/1.1 and HTTP/2."""
from harness import *
from harness.outside import example
from harness.websocket import BINARY, CLOSE, TEXT, Peer, close_payload, echo_frames, open_by, serves

GUARD = {"policyRef": {"name": "chat-guard"}, "config": {"words": ["darn"], "warnings": 1, "text": True}}


def talk(end, peer):
    peer.text("well")
    equal(peer.read().payload, b"well")
    peer.send(BINARY, "dropped")
    peer.send(TEXT, "da", final=False)  # a word across two fragments
    peer.send(0, "rn it")
    equal(sorted(peer.read().payload for _ in range(2)), [b"**** it", b"mind your language"])
    peer.text("Darn!")
    close = peer.expect_close()
    equal(close.payload, close_payload(1008, "mind your language"))
    peer.send(CLOSE, close.payload)
    end.close()


@case(modes="full", seconds=180)
def it_guards_over_both_versions():
    with Backend(serves(echo_frames)) as backend, \
            Gateway([api("chat", backend, policies=[GUARD])], options=["--plugins", example("chat-guard")]) as gateway:
        with gateway.client() as client:
            talk(client, open_by(client))
        with H2Tunnel(gateway.port) as tunnel:
            talk(tunnel, Peer(tunnel, True))
        for record in gateway.records(2):
            equal([record[name] for name in ("reason", "binding", "closeStatus")],
                  ["websocket_closed_by_policy", "default/chat:chat-guard", 1008])
        equal({r["protocol"] for r in gateway.records(2)}, {"HTTP/1.1", "HTTP/2.0"})


main()
