"""SIGKILL of the daemon at every step of ADD and DEL, and a thousand calls at once: nothing is lost or left."""

import signal
import threading

import pytest

from tests.lab.cni.daemon_place import ROOT

pytestmark = pytest.mark.lab

# `kcni daemon` that kills itself at the given step after it has had SIGUSR1.
DYING = """
import os, signal, sys
sys.path.insert(0, {root!r})
import cni.run as run
world, left = run.world, []
def arm(number, frame):
    left.append({step})
    os.write(2, b"armed")
def fault(name):
    if left:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
signal.signal(signal.SIGUSR1, arm)
run.world = lambda launcher: world(launcher)._replace(fault=fault)
from cni.cli import main
sys.argv = ["kcni", "daemon", "--log-level", "warning"]
main()
"""


def start_dying(place, step):
    return place.daemon(("-c", DYING.format(root=str(ROOT), step=step)))


def arm(daemon):
    daemon.send_signal(signal.SIGUSR1)
    assert daemon.stderr.read(5) == "armed"


def chain_of(host):
    """bridge and what it is chained with, all rules in nf_tables."""
    ports = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
    return [
        host.conf(isGateway=True, ipMasq=True, ipMasqBackend="nftables"),
        host.conf("portmap", subnets=(), backend="nftables", runtimeConfig=ports),
        host.conf("firewall", subnets=(), backend="nftables"),
        host.conf("bandwidth", subnets=(), egressRate=8_000_000, egressBurst=800_000),
    ]


def add(place, confs, path):
    """False as soon as one call fails."""
    prev = None
    for conf in confs:
        code, body = place.call("ADD", conf if prev is None else {**conf, "prevResult": prev}, path)
        if code:
            assert body["code"] == 11, body
            return False
        prev = body
    return True


def delete(place, confs, path):
    for conf in reversed(confs):
        place.delete(conf, path)


def nothing_left(place):
    host = place.host
    rules = host.sh("nft", "list", "ruleset")
    links = [name for name, link in host.links().items() if link.kind in ("veth", "ifb")]
    return place.left_over() == ([], [], []) and not links and "10.77.0." not in rules and "8080" not in rules


def test_the_daemon_killed_at_any_step_of_add(host, place):
    confs, path = chain_of(host), place.container()
    daemon, step = start_dying(place, 1), 1
    while True:
        arm(daemon)
        if add(place, confs, path):
            break
        daemon.wait()
        step += 1
        daemon = start_dying(
            place, step
        )  # unarmed it is an ordinary one, and takes up what the dead one left
        delete(place, confs, path)
        assert nothing_left(place), f"step {step - 1}"
    assert step > 20


def test_the_daemon_killed_at_any_step_of_del(host, place):
    confs, path = chain_of(host), place.container()
    daemon, step = start_dying(place, 1), 1
    while True:
        assert add(place, confs, path)
        arm(daemon)
        delete(place, confs, path)
        if not place.queue():
            break
        daemon.wait()
        step += 1
        daemon = start_dying(place, step)
        assert place.queue() == []
        assert nothing_left(place), f"step {step - 1}"
    assert nothing_left(place)
    assert step > 6


ROUNDS, NAMESPACES = 8, 64


def test_a_thousand_calls_over_64_namespaces(host, place):
    place.daemon()
    conf = host.conf(isGateway=True)
    paths = [place.container() for _ in range(NAMESPACES)]
    held, lock, faults = set(), threading.Lock(), []

    def work(path):
        for _ in range(ROUNDS):
            code, body = place.attempt(conf, path)
            if code:
                faults.append(body)
                return
            addresses = {ip["address"] for ip in body["ips"]}
            with lock:
                if held & addresses:
                    faults.append(f"given out twice: {held & addresses}")
                held.update(addresses)
            with lock:
                held.difference_update(addresses)
            code, body = place.call("DEL", conf, path)
            if code:
                faults.append(body)
                return

    threads = [threading.Thread(target=work, args=(path,)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert place.left_over() == ([], [], [])
