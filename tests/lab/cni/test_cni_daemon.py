"""The daemon behind the executables: its answers, its absence, its silence; healing and forgetting.

Each test runs in a mount namespace of its own, since the executables have the socket's path built in.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.lab.cni.daemon_place import ROOT, SOCKET
from tests.patience import until

pytestmark = pytest.mark.lab


def test_calls_go_through_the_daemon(host, place):
    daemon = place.daemon()
    conf, path = host.conf(isGateway=True), place.container()
    result = place.add(conf, path)
    assert [ip["address"] for ip in result["ips"]] == ["10.77.0.2/24", "fd00:77::2/64"]
    assert place.call("CHECK", {**conf, "prevResult": result}, path)[0] == 0
    place.delete(conf, path)
    place.delete(conf, path)
    assert place.left_over() == ([], [], [])
    code, body = place.call("ADD", host.conf(isGateway=True, promiscMode=True, hairpinMode=True), path)
    assert (code, body["code"]) == (1, 999)
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0
    assert "cni.sock" not in place.sh("ls", "/run/podnet")


def test_attachments_outlive_daemon_and_way_of_calling(host, place):
    conf = host.conf(isGateway=True)
    first, second = place.container(), place.container()
    place.add(conf, first)
    daemon = place.daemon()
    place.delete(conf, first)
    place.add(conf, second)
    daemon.terminate()
    daemon.wait()
    place.delete(conf, second)
    assert place.left_over() == ([], [], [])


def test_a_caller_from_another_host_namespace_works_for_itself(host, place):
    """Its bridge must not be made in the daemon's namespace."""
    place.daemon()
    conf, path = host.conf(isGateway=True, bridge="other0"), place.container()
    child = subprocess.Popen(
        [
            "nsenter", f"--mount=/proc/{place.holder.pid}/ns/mnt", "unshare", "-n", "sh", "-c",
            f"{host.bin_dir}/bridge >/dev/null && ip -o link show other0",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={
            "CNI_COMMAND": "ADD", "CNI_CONTAINERID": "x", "CNI_NETNS": path, "CNI_IFNAME": "eth0",
            "CNI_PATH": host.bin_dir, "PATH": os.environ["PATH"],
        },
    )  # fmt: skip
    output, _ = child.communicate(json.dumps(conf).encode())
    assert b"other0" in output
    assert "other0" not in host.links()
    place.delete(conf, path, container="x")


@pytest.mark.parametrize("how", ["listening", "killed"])
def test_a_silent_socket(host, place, how):
    conf, path = host.conf(version="1.1.0", isGateway=True), place.container()
    place.add(conf, path)
    if how == "listening":
        silent = place.silent()
    else:
        daemon = place.daemon()
        daemon.kill()
        daemon.wait()
        silent = None
    started = time.monotonic()
    for verb, status in (("ADD", 11), ("CHECK", 11), ("GC", 11), ("STATUS", 50)):
        code, body = place.call(verb, conf, place.container())
        assert (code, body["code"]) == (1, status), verb
    assert time.monotonic() - started < 60  # each gives up after two seconds, and says so
    assert place.call("VERSION", conf, "")[0] == 0
    place.delete(conf, path)
    assert len(place.queue()) == 1
    assert host.addresses_in_use() == ["10.77.0.2", "fd00:77::2"]
    if silent:
        os.kill(silent, signal.SIGKILL)
        os.waitpid(silent, 0)
    place.daemon()
    assert place.queue() == []
    assert place.left_over() == ([], [], [])


def test_a_second_daemon_names_the_first(host, place):
    first = place.daemon()
    done = subprocess.run(
        place.argv(sys.executable, "-m", "cni.cli", "daemon"),
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 1
    assert f"CNI is served by kcni daemon, process {first.pid} already" in done.stderr


def test_32_at_once_and_a_kill_among_them(host, place):
    daemon = place.daemon()
    conf = host.conf(isGateway=True)
    paths = [place.container() for _ in range(32)]
    children = [place.start("ADD", conf, path) for path in paths]
    time.sleep(0.05)
    daemon.kill()
    daemon.wait()
    codes = []
    for child in children:
        child.stdout.read()
        child.stdout.close()
        child.stderr.close()
        codes.append(child.wait())
    place.daemon()
    for path in paths:
        place.delete(conf, path)
    assert place.left_over() == ([], [], [])
    assert set(codes) <= {0, 1}


def test_a_caller_that_is_killed_leaves_nothing_after_its_del(host, place):
    place.daemon()
    conf = host.conf(isGateway=True)
    for pause_s in (0.0, 0.001, 0.002, 0.004, 0.008):
        path = place.container()
        child = place.start("ADD", conf, path)
        time.sleep(pause_s)
        child.kill()
        child.wait()
        child.stdout.close()
        child.stderr.close()
        place.delete(conf, path)
    until(lambda: place.left_over() == ([], [], []))


def test_every_call_is_in_the_journal(host, place):
    """With the time it took and the caller's trace: what runtimes say of a call that succeeded is nothing."""
    daemon = place.daemon(("-m", "cni.cli", "daemon", "--log-level", "info"))
    conf, path = host.conf(isGateway=True), place.container()
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    assert place.call("ADD", conf, path, env={"TRACEPARENT": trace})[0] == 0
    assert place.call("ADD", conf, path)[0] == 1
    daemon.terminate()
    calls = [line for line in daemon.stderr if "plugin=bridge" in line and "verb=ADD" in line]
    assert len(calls) == 2
    assert f"trace={trace}" in calls[0]
    assert "took_ms=" in calls[0]
    assert "already exists" in calls[1]


# --- healing


def test_the_bridge_comes_back_with_its_ports(host, place):
    place.daemon()
    conf = host.conf(isGateway=True, hairpinMode=True)
    first, second = place.container(), place.container()
    result = place.add(conf, first)
    place.add(conf, second)
    host.sh("ip", "link", "del", "cni0")
    until(lambda: place.call("CHECK", {**conf, "prevResult": result}, first)[0] == 0)
    assert host.sh("ping", "-c1", "-W20", "10.77.0.3", inside=place.seen(first))


@pytest.mark.parametrize(
    "damage",
    [
        ("ip", "addr", "flush", "dev", "cni0"),
        ("ip", "link", "set", "cni0", "down"),
        ("sysctl", "-w", "net.ipv4.ip_forward=0"),
    ],
    ids=lambda words: " ".join(words[-2:]),
)
def test_address_and_forwarding_come_back(host, place, damage):
    place.daemon()
    conf, path = host.conf(isGateway=True), place.container()
    result = place.add(conf, path)
    host.sh(*damage)
    until(
        lambda: (
            place.call("CHECK", {**conf, "prevResult": result}, path)[0] == 0
            and host.sh("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"
        )
    )


@pytest.mark.parametrize("backend", ["iptables", "nftables"])
def test_rules_come_back_after_a_flush(host, place, backend):
    place.daemon()
    conf, path = host.conf(isGateway=True, ipMasq=True, ipMasqBackend=backend), place.container()
    result = place.add(conf, path)
    ports = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
    portmap = host.conf("portmap", subnets=(), backend=backend, runtimeConfig=ports, prevResult=result)
    firewall = host.conf("firewall", subnets=(), backend=backend, prevResult=result)
    place.add(portmap, path)
    place.add(firewall, path)

    def rules():
        lines = (line.strip() for line in host.sh("nft", "list", "ruleset").splitlines())
        wanted = (line for line in lines if "10.77.0.2" in line or "8080" in line or "jump" in line)
        return {re.sub(r"counter packets \d+ bytes \d+ ", "", line) for line in wanted}

    time.sleep(0.3)
    before = rules()
    assert before
    host.sh("nft", "flush", "ruleset")
    until(lambda: rules() == before)
    for item in (firewall, portmap):
        place.delete(item, path)
    place.delete(conf, path)
    for _ in range(2):
        until(lambda: "10.77.0.2" not in host.sh("nft", "list", "ruleset"))
        time.sleep(0.3)  # time for the daemon to bring back what it should not


# --- forgetting


def test_an_attachment_whose_namespace_is_gone_is_forgotten(host, place):
    conf = host.conf(isGateway=True, ipMasq=True)
    gone, kept = place.container(), place.container()
    place.add(conf, gone)
    place.add(conf, kept)
    place.sh("ip", "netns", "del", os.path.basename(gone))
    place.daemon()
    until(lambda: host.addresses_in_use() == ["10.77.0.3", "fd00:77::3"])
    until(lambda: "10.77.0.2/32" not in host.sh("iptables-save", "-t", "nat"))
    until(lambda: len(place.records()) == 1)


def test_what_an_add_left_that_died_is_forgotten(host, place):
    conf, path = host.conf(isGateway=True), place.container()
    place.daemon().kill()
    place.sh("rm", "-f", SOCKET)
    step = 9
    argv_of = host.start

    def start(verb, conf, path, *, argv=None, **options):
        return argv_of(verb, conf, path, argv=place.argv(*argv), **options)

    host.start = start
    assert host.dying("ADD", conf, path, step) == -signal.SIGKILL
    host.start = argv_of
    assert host.addresses_in_use()
    with contextlib.suppress(subprocess.TimeoutExpired):
        place.daemons[0].wait(1)
    place.daemon()
    until(lambda: place.left_over() == ([], [], []))
