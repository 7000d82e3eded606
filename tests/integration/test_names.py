#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names of services: who is asked for their addresses, how often, and what holds while nobody answers."""
import socket

from harness import *

CLOSE = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok"


def at_name(backend, name="up.test"):
    return api("a", services={"up": {"address": f"http://{name}:{backend.port}"}})


def asking(server, **dns):
    return configuration("names", {"dns": {"servers": [server.address], **dns}})


def statuses(gateway, count):
    return [gateway.get("/").status for _ in range(count)]


class SilentAddress:
    """A port at which connections neither come about nor are refused: its queue is full."""

    def __init__(self, host, port):
        self.listener = socket.socket()
        self.listener.bind((host, port))
        self.listener.listen(0)
        self.queued = []
        for _ in range(8):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex((host, port))
            self.queued.append(sock)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in [self.listener, *self.queued]:
            sock.close()


@case
def the_configured_server_is_asked_and_its_answer_kept():
    with Backend(CLOSE) as backend, NameServer(up_test="127.0.0.1") as names, \
            Gateway([at_name(backend), asking(names)]) as gateway:
        equal(statuses(gateway, 3), [200] * 3)
        equal((names.count("up.test"), len(backend.connections)), (1, 3))


@case
def an_answer_counts_between_bounds():
    # What says 0 counts for a minute; what says an hour counts for no time at all.
    with Backend(CLOSE) as backend, NameServer(up_test=Answer("127.0.0.1", ttl=0)) as names:
        with Gateway([at_name(backend), asking(names, minTtlSeconds=60)]) as gateway:
            equal(statuses(gateway, 3), [200] * 3)
            equal(names.count("up.test"), 1)
    with Backend(CLOSE) as backend, NameServer(up_test=Answer("127.0.0.1", ttl=3600)) as names:
        with Gateway([at_name(backend), asking(names, minTtlSeconds=0, maxTtlSeconds=0)]) as gateway:
            equal(statuses(gateway, 3), [200] * 3)
            equal(names.count("up.test"), 3)


@case
def a_changed_answer_reaches_new_connections():
    with Backend(CLOSE) as one, NameServer(up_test="127.0.0.1") as names, \
            Backend(CLOSE, host="127.0.0.2", port=one.port) as other:
        with Gateway([at_name(one), asking(names, minTtlSeconds=0, maxTtlSeconds=0)]) as gateway:
            equal(gateway.get("/").status, 200)
            names.set(up_test="127.0.0.2")
            equal(gateway.get("/").status, 200)
            equal((len(one.requests), len(other.requests)), (1, 1))


@case
def what_was_known_serves_while_servers_fail():
    for what, failure in (("fails", Answer(code=SERVFAIL)), ("is silent", Answer(silent=True))):
        with rows(what), Backend(CLOSE) as backend, NameServer(up_test="127.0.0.1") as names:
            dns = asking(names, minTtlSeconds=0, maxTtlSeconds=0, timeoutSeconds=0.2)
            with Gateway([at_name(backend), dns]) as gateway:
                equal(gateway.get("/").status, 200)
                names.set(up_test=failure)
                equal(statuses(gateway, 2), [200] * 2)


@case
def what_is_out_of_date_serves_no_longer_than_it_may():
    with Backend(CLOSE) as backend, NameServer(up_test="127.0.0.1") as names:
        dns = asking(names, minTtlSeconds=0, maxTtlSeconds=0, staleSeconds=0)
        with Gateway([at_name(backend), dns]) as gateway:
            equal(gateway.get("/").status, 200)
            names.set(up_test=Answer(code=SERVFAIL))
            equal(gateway.get("/").status, 503)
            contains(str(gateway.records(2)[1]), "could not be resolved")


@case
def a_name_that_is_gone_is_not_asked_for_at_once_again():
    with Backend(CLOSE) as backend, NameServer() as names, \
            Gateway([at_name(backend), asking(names, retrySeconds=60)]) as gateway:
        equal(statuses(gateway, 3), [503] * 3)
        equal(names.count("up.test"), 1)


@case
def a_silent_server_gets_its_time_alone():
    with Backend(CLOSE) as backend, NameServer(up_test=Answer("127.0.0.1", silent=True)) as names, \
            Gateway([at_name(backend), asking(names, timeoutSeconds=0.2, retrySeconds=60)]) as gateway:
        equal(gateway.get("/").status, 503)
        contains(str(gateway.records(1)[0]), "upstream_unresolved")


@case
def the_next_server_is_asked_where_one_is_silent():
    with Backend(CLOSE) as backend, NameServer(up_test=Answer(silent=True)) as silent, \
            NameServer(up_test="127.0.0.1") as names:
        dns = configuration("names", {"dns": {"servers": [silent.address, names.address]}})
        with Gateway([at_name(backend), dns]) as gateway:
            equal(gateway.get("/").status, 200)


@case
def a_truncated_answer_is_asked_for_over_tcp():
    with Backend(CLOSE) as backend, \
            NameServer(up_test=Answer("127.0.0.1", truncated=True)) as names, \
            Gateway([at_name(backend), asking(names)]) as gateway:
        equal(gateway.get("/").status, 200)
        check(names.over_tcp > 0, "no question over TCP")


@case
def connections_take_the_addresses_in_turn():
    with Backend(CLOSE) as one, Backend(CLOSE, host="127.0.0.2", port=one.port) as other, \
            NameServer(up_test=Answer("127.0.0.1", "127.0.0.2")) as names, \
            Gateway([at_name(one), asking(names)]) as gateway:
        equal(statuses(gateway, 6), [200] * 6)
        equal((len(one.requests), len(other.requests)), (3, 3))


@case
def a_silent_address_gets_the_next_one_beside_it():
    with Backend(CLOSE) as backend, SilentAddress("127.0.0.2", backend.port), \
            NameServer(up_test=Answer("127.0.0.2", "127.0.0.1")) as names:
        with Gateway([at_name(backend), asking(names)]) as gateway:
            equal(statuses(gateway, 2), [200] * 2)


@case
def a_reload_may_name_other_servers():
    with Backend(CLOSE) as one, Backend(CLOSE, host="127.0.0.2", port=one.port) as other, \
            NameServer(up_test="127.0.0.1") as former, NameServer(up_test="127.0.0.2") as later:
        up = at_name(one)
        with Gateway([up, asking(former)]) as gateway:
            equal(gateway.get("/").status, 200)
            gateway.save("gateway.yaml", [up, asking(later)])
            equal(gateway.get("/").status, 200)
            equal((len(one.requests), len(other.requests)), (1, 1))
            # What the former said serves while the new ones fail.
            later.set(up_test=Answer(code=SERVFAIL))
            gateway.save("gateway.yaml", [up, asking(later, timeoutSeconds=1)])
            equal(gateway.get("/").status, 200)
            equal(len(other.requests), 2)


main()
