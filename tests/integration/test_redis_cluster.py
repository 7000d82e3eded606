#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gateways that count in a Redis Cluster: each key at its node, wherever that is by now."""
import contextlib
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from harness import *
from harness.gateway import PLUGINS

PATIENT = 10  # a machine with much to do is not what a case is about
TENANTS = [f"tenant-{i}" for i in range(12)]


def limit(maximum, **more):
    return {"policyRef": {"name": "rate-limiting"}, "config": {
        "rateLimits": [{"maximumRequests": maximum, "timePeriodInMilliseconds": 3600000}],
        "keySelector": "#[attributes.headers['x-tenant']]", **more}}


def storage(nodes, **more):
    return configuration("store", {"sharedStorage": {"redis": {
        "cluster": {"addresses": [node.address for node in nodes]}, "timeoutSeconds": PATIENT,
        "connectTimeoutSeconds": PATIENT, **more}}})


@contextlib.contextmanager
def gateways(nodes, policy, count=1, workers=1, **more):
    with Backend(reply(200, "x")) as backend, contextlib.ExitStack() as stack:
        yield [stack.enter_context(Gateway([api("a", backend, policies=[policy]), storage(nodes, **more)],
                                           workers=workers)) for _ in range(count)]


def status(gateway, tenant):
    return gateway.get("/", {"x-tenant": tenant}).status


def statuses(gateway, tenant, count):
    return [status(gateway, tenant) for _ in range(count)]


def turned(gateway):
    return gateway.metrics()["sluice_shared_storage_redirections_total"]


def where(cluster):
    """The one key that there is, and who has it."""
    found = [(node.ask("KEYS", "*"), node) for node in cluster.nodes]
    (key, node), = [(key, node) for key, node in found if key]
    return key, node


def move(cluster, key, source, target):
    slot = cluster.slot(key)
    equal(target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id), "OK")
    equal(source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id), "OK")
    equal(source.ask("MIGRATE", "127.0.0.1", str(target.port), key, "0", "30000"), "OK")
    for node in (target, source, *cluster.masters):
        node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)


@case
def each_key_is_counted_at_its_node():
    with Cluster() as cluster, gateways(cluster.masters, limit(2), 2, workers=2) as (one, other):
        for tenant in TENANTS:
            equal([status(one, tenant), status(other, tenant), status(one, tenant)], [200, 200, 429], tenant)
        counts = [int(node.ask("DBSIZE")) for node in cluster.masters]
        equal(sum(counts), len(TENANTS))
        check(all(counts), f"keys of all nodes, not {counts}")
        wait_for(lambda: one.metrics()["sluice_shared_storage_nodes_up"] == 6, "three nodes of two workers")
        equal([turned(one), turned(other)], [0, 0])
        told = one.status()["sharedStorage"]
        equal([told["clusterAddresses"], told["connectionsWanted"], told["connectionsUp"], told["workersConnected"]],
              [3, 6, 6, 2])
        said = sluice("explain", "--api", "default/a", one.config, "--plugins", PLUGINS).stdout
        contains(said, f"counts in the shared storage cluster of localhost:{cluster.masters[0].port} as")


@case
def a_key_that_moves_to_another_node_is_counted_on():
    with Cluster() as cluster, gateways(cluster.masters, limit(5)) as (gateway,):
        equal(status(gateway, "a"), 200)
        key, source = where(cluster)
        slot, target = cluster.slot(key), next(node for node in cluster.masters if node is not source)
        equal(target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id), "OK")
        equal(source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id), "OK")
        equal([status(gateway, "a"), turned(gateway)], [200, 0])  # it is still there
        equal(source.ask("MIGRATE", "127.0.0.1", str(target.port), key, "0", "5000"), "OK")
        equal(statuses(gateway, "a", 2), [200, 200])  # ASK, and no word of it for later
        wait_for(lambda: turned(gateway) == 2, "two questions that were sent on")
        for node in (target, source, *cluster.masters):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)
        equal(statuses(gateway, "a", 2), [200, 429])  # MOVED
        wait_for(lambda: gateway.metrics()["sluice_shared_storage_maps_total"] >= 2, "another map")
        equal([target.ask("EXISTS", key), status(gateway, "a"), turned(gateway)], ["1", 429, 3])


@case(modes="full", seconds=240)
def nodes_without_a_name_of_their_own_are_where_they_were_asked():
    """An empty one, and "?", which stands for a name that was not given."""
    for kind in ("unknown-endpoint", "hostname"):
        with Cluster(f"cluster-preferred-endpoint-type {kind}") as cluster, \
                gateways(cluster.masters[:1], limit(1)) as (gateway,):
            for tenant in TENANTS:
                equal(statuses(gateway, tenant, 2), [200, 429], tenant)
            equal(turned(gateway), 0)


@case(modes="full", seconds=120)
def nodes_have_addresses_of_ipv6():
    with Cluster("bind 127.0.0.1 ::1", "cluster-announce-ip ::1") as cluster, \
            gateways(cluster.masters, limit(3)) as (gateway,):
        for tenant in TENANTS:
            equal(status(gateway, tenant), 200, tenant)
        source = cluster.masters[0]
        gateway.says(f"connected to [::1]:{source.port}")
        move(cluster, source.ask("KEYS", "*").split("\n")[0], source, cluster.add())
        for tenant in TENANTS:
            equal(statuses(gateway, tenant, 3), [200, 200, 429], tenant)


@case(modes="full", seconds=120)
def who_it_is_and_by_tls_of_each_node():
    authority = Authority()
    options = ["user gw on >pass ~default:* +@all", "tls-cluster yes", "tls-replication yes",
               "cluster-announce-hostname localhost", "cluster-preferred-endpoint-type hostname"]
    with Cluster(*options, tls=authority) as cluster:
        for node in cluster.masters:
            node.ask("ACL", "SETUSER", "default", "off")
        own = authority.issue("gateway")
        tls = {"trustedCA": authority.crt, "certificate": {"crt": own.crt, "key": own.key}}
        with gateways(cluster.masters, limit(1), username="gw", password="pass", tls=tls) as (gateway,):
            for tenant in TENANTS:
                equal(statuses(gateway, tenant, 2), [200, 429], tenant)


@case(modes="full", seconds=120)
def a_cluster_that_cannot_decide():
    with Cluster() as cluster, gateways(cluster.masters, limit(2)) as (gateway,):
        equal(status(gateway, "a"), 200)
        _, node = where(cluster)
        slot = "0" if node is not cluster.masters[0] else "16383"
        owner = cluster.masters[0 if slot == "0" else 2]
        for each in (owner, *cluster.masters):
            each.ask("CLUSTER", "DELSLOTS", slot)

        def has_none():
            """What the owner said before may come behind it."""
            return node.ask("CLUSTER", "DELSLOTS", slot) and "cluster_state:fail" in node.ask("CLUSTER", "INFO")
        wait_for(has_none, "a cluster that lacks a slot", 20)
        equal(status(gateway, "a"), 503)
        gateway.says("CLUSTERDOWN")
        owner.ask("CLUSTER", "ADDSLOTS", slot)
        cluster.await_agreement()
        equal(statuses(gateway, "a", 2), [200, 429])


@case(modes="full", seconds=120)
def addresses_of_which_one_is_alive_are_enough():
    with Cluster() as cluster, Redis() as gone, Redis() as alone:
        gone.kill()
        with gateways([gone, alone, cluster.masters[1]], limit(1)) as (gateway,):
            for tenant in TENANTS:
                equal(statuses(gateway, tenant, 2), [200, 429], tenant)


@case
def one_server_that_is_no_cluster_is_told():
    with Redis() as redis, gateways([redis], limit(1)) as (gateway,):
        gateway.says("no map of the cluster")
        equal(status(gateway, "a"), 503)


@case(modes="full", seconds=120)
def answers_that_are_kept_together():
    caching = {"policyRef": {"name": "http-caching"}, "config": {"distributed": True}}
    large = reply(200, "x" * 100000, {"Cache-Control": "max-age=3600"})
    paths = [f"/{i}" for i in range(12)]
    with Cluster() as cluster, Backend(large) as backend, contextlib.ExitStack() as stack:
        one, other = [stack.enter_context(Gateway([api("a", backend, policies=[caching]), storage(cluster.masters)]))
                      for _ in range(2)]

        def ask(gateway):
            return [len(gateway.request("GET", path, host="a").body) for path in paths]

        def kept():
            return [int(node.ask("DBSIZE")) for node in cluster.masters]

        equal(ask(one), [100000] * 12)
        wait_for(lambda: sum(kept()) == 12, "all answers in the cluster")
        check(all(kept()), f"answers of all nodes, not {kept()}")
        equal(ask(other), [100000] * 12)
        equal(len(backend.requests), 12)


@case(modes="full", seconds=120)
def a_node_that_has_stopped_answering_costs_its_own_keys():
    with Cluster() as cluster, gateways(cluster.masters, limit(1000), timeoutSeconds=5) as (gateway,):
        equal({t: status(gateway, t) for t in TENANTS}, {t: 200 for t in TENANTS})
        counts = [int(node.ask("DBSIZE")) for node in cluster.masters]
        cluster.masters[0].pause()
        said = [status(gateway, t) for t in TENANTS]
        equal([said.count(503), said.count(200)], [counts[0], sum(counts[1:])])
        gateway.says("it did not answer in time")
        cluster.masters[0].go_on()
        wait_for(lambda: {status(gateway, t) for t in TENANTS} == {200}, "the node's being asked again", 30)


@case(modes="full", seconds=120)
def a_reload_between_a_server_and_a_cluster():
    with Cluster() as cluster, Redis() as redis, Backend(reply(200, "x")) as backend:
        alone = configuration("store", {"sharedStorage": {"redis": {
            "address": redis.address, "timeoutSeconds": PATIENT, "connectTimeoutSeconds": PATIENT}}})
        files = {"api.yaml": [api("a", backend, policies=[limit(2)])], "store.yaml": [alone]}
        with Gateway(files) as gateway:
            equal(statuses(gateway, "a", 3), [200, 200, 429])
            gateway.save("store.yaml", [storage(cluster.masters)])
            equal(statuses(gateway, "a", 3), [200, 200, 429])
            gateway.save("store.yaml", [storage(cluster.masters[1:])])
            equal(statuses(gateway, "a", 1), [429])
            gateway.save("store.yaml", [alone])
            equal(statuses(gateway, "a", 1), [429])


@case(modes="full", seconds=240)
def a_replica_takes_over():
    with Cluster() as cluster, gateways(cluster.masters, limit(3)) as (gateway,):
        equal(statuses(gateway, "a", 2), [200, 200])
        key, master = where(cluster)
        replica = cluster.add().follow(master)
        others = [t for t in TENANTS if status(gateway, t) == 200]
        equal(len(others), len(TENANTS))
        wait_for(lambda: replica.ask("DBSIZE") == master.ask("DBSIZE"), "the replica's having the counts", 20)
        here = {t for t in TENANTS if int(master.ask("DBSIZE")) > 1}
        check(here, "keys of others")
        master.kill()
        gateway.says("cannot be asked")
        equal(status(gateway, "a"), 503)
        # Who has their keys at other nodes notices nothing.
        second = [status(gateway, t) for t in TENANTS]
        check(200 in second and set(second) <= {200, 503}, f"some counted, not {second}")
        equal(replica.ask("CLUSTER", "FAILOVER", "TAKEOVER"), "OK")
        wait_for(lambda: status(gateway, "a") in (200, 429), "the new master", 60)
        equal(statuses(gateway, "a", 2)[-1], 429)
        equal(replica.ask("EXISTS", key), "1")


@case(modes="full", seconds=300)
def slots_that_move_under_load_lose_no_count():
    with Cluster() as cluster, gateways(cluster.masters, limit(70), 2) as both, ThreadPoolExecutor(4) as pool:
        found, target, have_moved = {t: [] for t in TENANTS}, cluster.add(), threading.Event()

        def load(gateway, tenants):
            """As long as slots move: who is quick has asked all that it has before they do."""
            rounds = 0
            while rounds < 40 or not have_moved.is_set():
                rounds += 1
                for tenant in tenants:
                    found[tenant].append(status(gateway, tenant))

        loads = [pool.submit(load, g, TENANTS[i::2]) for g in both for i in range(2)]
        try:
            for source in cluster.masters:
                for key in wait_for(lambda: source.ask("KEYS", "*"), "keys", 60).split("\n"):
                    move(cluster, key, source, target)
        finally:
            have_moved.set()
        for each in loads:
            each.result()
        for tenant, told in found.items():
            equal(Counter(told), {200: 70, 429: len(told) - 70}, tenant)
        wait_for(lambda: sum(turned(g) for g in both) > 0, "questions that were sent on")


main()
