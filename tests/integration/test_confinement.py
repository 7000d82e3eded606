#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who the gateway runs as, what it may still do, and where its log goes."""
import os
import pwd
import random
import re
import signal
import socket

from harness import *
from harness.cases import SANITIZER


def status_line(gateway, name, pid=None):
    with open(f"/proc/{pid or gateway.pid()}/status") as f:
        return re.search(rf"^{name}:\s+(.*)$", f.read(), re.M)[1]


@case
def root_becomes_the_user_it_is_told():
    """Not everywhere: the tests have to be root's."""
    if os.geteuid() != 0:
        return
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], wait=False, options=["--user", "no-such-user"]) as gateway:
        equal(gateway.process.wait(20 * SCALE), 1)
        gateway.says("sluice run: --user: there is no user 'no-such-user'")
        gateway.options = ["--user", "nobody"]
        open_to_all(gateway.dir, gateway.config)
        gateway.start()
        gateway.wait_until_ready()
        equal(gateway.get("/").status, 200)
        check(status_line(gateway, "Uid").split()[0] != "0", status_line(gateway, "Uid"))
        # The supervisor binds: not even low ports are left.
        equal(status_line(gateway, "CapEff"), "0000000000000000")
        equal(status_line(gateway, "CapBnd"), "0000000000000000")
        equal(len(gateway.records(1)), 1)
        wait_for(lambda: gateway.metrics()["sluice_last_good_saves_total"] == 1, "the save")
        gateway.save("more.yaml", [api("b", backend)])


def serving_pid(gateway):
    """Of whoever answers the admin socket; None while nobody does."""
    try:
        return gateway.status()["pid"]
    except (OSError, Closed, TimedOut):
        return None


def owners(folder):
    found = {os.lstat(folder).st_uid}
    for place, folders, files in os.walk(folder):
        found |= {os.lstat(f"{place}/{name}").st_uid for name in folders + files}
    return found


@case(seconds=120)
def every_gateway_of_a_supervisor_becomes_that_user():
    """In a state folder that root served from before; after a death, in an upgrade, and at another
    start."""
    if os.geteuid() != 0:
        return
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        def is_followed(former):
            pid = wait_for(lambda: (p := serving_pid(gateway)) != former and p, "the next gateway", 30)
            equal(status_line(gateway, "Uid", pid).split()[0], uid)
            equal(status_line(gateway, "CapEff", pid), "0000000000000000")
            equal(gateway.get("/").status, 200)
            return pid

        wait_for(lambda: gateway.metrics()["sluice_last_good_saves_total"] == 1, "the save")
        equal(gateway.stop(), 0)
        equal(owners(gateway.state), {0})
        open_to_all(gateway.dir, gateway.config)
        gateway.options = ["--user", "nobody", "--standby"]
        gateway.start()
        gateway.wait_until_ready()
        uid = str(pwd.getpwnam("nobody").pw_uid)
        equal(owners(gateway.state), {int(uid)})
        serving = is_followed(None)
        with open(f"/proc/{gateway.process.pid}/status") as f:
            contains(f.read(), "Uid:\t0\t", "the supervisor")
        os.kill(serving, signal.SIGKILL)
        serving = is_followed(serving)
        gateway.signal(signal.SIGUSR2)
        serving = is_followed(serving)
        gateway.save("more.yaml", [api("b", backend)])
        equal(gateway.stop(), 0)
        gateway.start()
        gateway.wait_until_ready()
        is_followed(serving)


@case
def a_log_with_another_name_is_not_given_away():
    if os.geteuid() != 0:
        return
    folder = scratch("logs")
    with open(f"{folder}/precious", "w") as f:
        f.write("root's")
    os.link(f"{folder}/precious", f"{folder}/sluice.log")
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], wait=False,
                    options=["--user", "nobody", "--log-file", f"{folder}/sluice.log"]) as gateway:
        equal(gateway.process.wait(20 * SCALE), 1)
        gateway.says("cannot hand over")
        equal(os.stat(f"{folder}/precious").st_uid, 0)
        gateway.options = []
        gateway.start()
        gateway.wait_until_ready()


@case
def low_ports_are_had_after_root_is_given_up():
    """At the start and at a reload: the supervisor, which keeps them, opens them."""
    if os.geteuid() != 0:
        return
    host = f"127.{random.randrange(1, 255)}.{random.randrange(256)}.{random.randrange(2, 255)}"
    with Backend(reply(200, "x")) as backend:
        first, second = api("a", backend, host=host, port=80), api("b", backend, host=host, port=443)
        with Gateway({"a.yaml": [first]}, wait=False, options=["--user", "nobody"]) as gateway:
            open_to_all(gateway.dir, gateway.config)
            gateway.stop()
            gateway.start()
            wait_for(lambda: is_served(host, 80), "port 80")
            equal(status_line(gateway, "CapEff"), "0000000000000000")
            gateway.save("b.yaml", [second])
            wait_for(lambda: is_served(host, 443), "port 443")
            gateway.remove("a.yaml")
            wait_for(lambda: not is_served(host, 80), "a port less")
            gateway.save("a.yaml", [first])
            wait_for(lambda: is_served(host, 80), "port 80 again")
            serving = gateway.pid()
            os.kill(serving, signal.SIGKILL)
            wait_for(lambda: serving_pid(gateway) not in (None, serving), "the next gateway")
            check(is_served(host, 80) and is_served(host, 443), "it has them all")


def is_served(host, port):
    try:
        with socket.create_connection((host, port), 5) as s:
            s.sendall(b"GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")
            return s.recv(100).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def open_to_all(*folders):
    """The user has to get at the configuration, which stands in root's temporary folder."""
    for folder in folders:
        os.chmod(folder, 0o755)
        for name in os.listdir(folder):
            if os.path.isfile(f"{folder}/{name}"):
                os.chmod(f"{folder}/{name}", 0o644)
    for parent in (os.path.dirname(folders[0]),):
        os.chmod(parent, 0o755)


@case
def the_fences_are_up():
    with Backend(reply(200, "x")) as backend, Gateway([api("a", backend)]) as gateway:
        equal(gateway.get("/").status, 200)
        if SANITIZER:
            return
        equal(status_line(gateway, "NoNewPrivs"), "1")
        equal(status_line(gateway, "Seccomp"), "2")
        for task in os.listdir(f"/proc/{gateway.pid()}/task"):
            with open(f"/proc/{gateway.pid()}/task/{task}/status") as f:
                contains(f.read(), "Seccomp:\t2", f"thread {task}")


@case
def a_reload_a_rotation_and_a_stop_pass_the_fences():
    """What is denied would end the process."""
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], workers=2, options=["--sandbox", "kill"]) as gateway:
        gateway.get("/one")
        gateway.records(1)
        os.rename(gateway.log_path, gateway.log_path + ".1")
        gateway.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(gateway.log_path), "the new file")
        gateway.save("more.yaml", [api("b", backend)])
        gateway.get("/two")
        equal(gateway.records(1)[0]["path"], "/two")


@case
def the_sandbox_can_be_off_and_says_so():
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], options=["--sandbox", "off"]) as gateway:
        if not SANITIZER:
            gateway.says("the sandbox is off")
            equal(status_line(gateway, "Seccomp"), "0")


@case
def the_log_goes_to_a_file_that_may_be_rotated():
    folder = scratch("logs")
    path = f"{folder}/sluice.log"

    def text():
        try:
            with open(path) as f:
                return f.read()
        except FileNotFoundError:
            return ""
    with Backend(reply(200, "x")) as backend, \
            Gateway([api("a", backend)], options=["--log-file", path]) as gateway:
        wait_for(lambda: "generation 1 serves" in text(), "the log")
        check("generation 1 serves" not in gateway.error_text(), "on standard error, too")
        os.rename(path, path + ".1")
        gateway.signal(signal.SIGUSR1)
        wait_for(lambda: os.path.exists(path), "the new file")
        gateway.save("more.yaml", [api("b", backend)])
        wait_for(lambda: "generation 2 serves" in text(), "the log in its new file")


main()
