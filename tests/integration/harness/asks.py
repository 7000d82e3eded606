# SPDX-License-Identifier: Apache-2.0
"""One request on a connection of its own, by either version, a POST if it has a body; and what a careful
client makes of it: (status, body) of an answer that is whole; None of one that is cut."""
from .cases import one_of
from .frames import CANCEL, DATA, END_STREAM, INTERNAL_ERROR, FrameClient, frame, headers
from .wire import Client, Closed


def ask_by_http1(port, body=None, target="/"):
    try:
        with Client(port) as client:
            answer = client.request("POST" if body else "GET", target, body=body)
        return answer.status, answer.body
    except Closed:
        return None


def ask_by_http2(port, body=None, target="/"):
    with FrameClient(port) as client:
        if body:
            client.send(headers(1, end=False, method="POST", path=target)
                        + frame(DATA, END_STREAM, 1, body.encode()))
        else:
            client.send(headers(1, path=target))
        try:
            status, content = client.answer(1)
        except Closed:
            raise AssertionError("the connection ended, and not the stream") from None
        if status is None:
            one_of(content, (CANCEL, INTERNAL_ERROR), "the code of a cut stream")
            return None
        # An answer of the gateway's own has no status that is one byte: it is whole all the same.
        return (200, content) if status == 200 else (502, content)
