"""Pods of different nodes meet through VXLAN tunnels, and by static routes, in kernels of their own."""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from linux import process
from linux.rtnl import Rtnl
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.up_run import BIN_DIR
from nodeagent.overlay.plan import DEVICE, ROUTE_PROTOCOL
from nodeagent.overlay.rights import RIGHTS
from tests.patience import until

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("vxlan")]
HEALED_WITHIN_S = 20.0  # 0.1 s where nothing else runs; who hears nothing never heals


@pytest.fixture(scope="module")
def tunnels() -> Iterator[Cluster]:
    """Two nodes, a pod on each: "west" and "east"."""
    with Cluster.up(f"vx-{os.getpid()}", node_count=2, ways="vxlan") as cluster:
        settle(cluster)
        yield cluster


def settle(cluster: Cluster) -> None:
    for name, node in zip(("west", "east"), cluster.lab.nodes, strict=True):
        place = json.dumps({"spec": {"nodeName": node.name}})
        cluster.kubectl("run", name, "--image=podnet/toolbox", "--overrides", place)
    cluster.kubectl("wait", "pod/west", "pod/east", "--for=condition=Ready", "--timeout=50s")


def addresses(cluster: Cluster, pod: str) -> tuple[str, str]:
    """IPv4, IPv6."""
    found = cluster.kubectl("get", "pod", pod, "-o", "jsonpath={.status.podIPs[*].ip}").stdout.split()
    return found[0], found[1]


def asked(cluster: Cluster, pod: str, ip: str, timeout_s: int = 20) -> str:
    """What the toolbox's server at the address answers a pod: its name, and whom it saw."""
    script = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w {timeout_s} {ip} 8080"
    return cluster.kubectl("exec", pod, "--", "sh", "-c", script, check=False).stdout


def in_pod(cluster: Cluster, pod: str, *argv: str) -> process.Completed:
    """A program of the node's in the pod's network."""
    told = json.loads(cluster.kubectl("get", "pod", pod, "-o", "json").stdout)
    pin = f"/run/podnet/pods/{told['metadata']['uid']}/ns/net"
    return cluster.exec(told["spec"]["nodeName"], ["nsenter", f"--net={pin}", *argv], check=False)


@contextmanager
def listening(cluster: Cluster, node: str) -> Iterator[list[Ether]]:
    """Packets of the node's underlay link; complete when the context has ended."""
    heard: list[Ether] = []
    with cluster.inside(node):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        tap.bind(("eth0", 0))
    tap.setblocking(False)
    with tap:
        yield heard
        try:
            while True:
                heard.append(Ether(tap.recv(65536)))
        except BlockingIOError:
            return


def test_pods_of_two_nodes_meet_in_both_families_with_their_own_addresses(tunnels: Cluster) -> None:
    own = addresses(tunnels, "west")
    for ip, mine in zip(addresses(tunnels, "east"), own, strict=True):
        until(lambda ip=ip: "east" in asked(tunnels, "west", ip, timeout_s=2))  # ways may follow readiness
        answer = asked(tunnels, "west", ip)
        assert "east" in answer
        seen = answer.partition("X-Client-Address: ")[2].split("\r\n")[0].rpartition(":")[0]
        assert socket.getaddrinfo(seen.strip("[]"), None)[0][4][0] == mine


def test_what_passes_the_underlay_is_encapsulated(tunnels: Cluster) -> None:
    far, node = addresses(tunnels, "east"), tunnels.lab.nodes[1]
    with listening(tunnels, node.name) as heard:
        for ip in far:
            assert "east" in asked(tunnels, "west", ip)
    outside = [packet for packet in heard if UDP in packet and packet[UDP].dport == 4789]
    assert {packet[IP].src for packet in outside} == {each.addresses[0] for each in tunnels.lab.nodes}
    assert {packet[VXLAN].vni for packet in outside} == {1}
    inside = [packet[VXLAN].payload for packet in outside]
    assert any(IP in packet and packet[IP].dst == far[0] for packet in inside)
    assert any(IPv6 in packet and packet[IPv6].dst == far[1] for packet in inside)
    bare = [packet for packet in heard if packet not in outside]
    assert not [p for p in bare if IP in p and p[IP].dst == far[0]]
    assert not [p for p in bare if IPv6 in p and p[IPv6].dst == far[1]]


@pytest.mark.parametrize(("version", "header_bytes"), [("-4", 28), ("-6", 48)])
def test_packets_of_the_pods_mtu_pass_whole_and_larger_ones_do_not(
    tunnels: Cluster, version: str, header_bytes: int
) -> None:
    far = addresses(tunnels, "east")[version == "-6"]
    fitting = ("ping", version, "-M", "do", "-c", "1", "-W", "20")
    with listening(tunnels, tunnels.lab.nodes[1].name) as heard:
        passed = in_pod(tunnels, "west", *fitting, "-s", str(1450 - header_bytes), far)
    assert passed.code == 0, passed.stdout
    frames = [p for p in heard if UDP in p and p[UDP].dport == 4789]
    assert max(len(p) - 14 for p in frames) == 1500  # the underlay's MTU, used up
    assert not [p for p in frames if p[IP].frag or p[IP].flags.MF]
    refused = in_pod(tunnels, "west", *fitting, "-s", str(1451 - header_bytes), far)
    assert refused.code != 0
    assert "mtu=1450" in (refused.stdout + refused.stderr).replace("mtu: 1450", "mtu=1450")


def test_the_node_itself_reaches_pods_of_other_nodes(tunnels: Cluster) -> None:
    for ip in addresses(tunnels, "east"):
        url = f"http://[{ip}]:8080/" if ":" in ip else f"http://{ip}:8080/"
        done = tunnels.exec(tunnels.lab.nodes[0].name, ["curl", "-s", "-m", "30", url])
        assert done.stdout.strip() == "east"


def test_a_port_of_one_node_leads_to_a_pod_of_another(tunnels: Cluster) -> None:
    tunnels.kubectl("expose", "pod", "east", "--type=NodePort", "--port=80", "--target-port=8080")
    try:
        both = {"spec": {"ipFamilyPolicy": "RequireDualStack"}}
        tunnels.kubectl("patch", "service", "east", "-p", json.dumps(both))
        port = tunnels.kubectl("get", "service", "east", "-o", "jsonpath={.spec.ports[0].nodePort}").stdout
        for ip in tunnels.lab.nodes[0].addresses:
            url = f"http://[{ip}]:{port}/" if ":" in ip else f"http://{ip}:{port}/"
            ask = ["curl", "-s", "-m", "2", url]
            until(lambda ask=ask: tunnels.exec("hub", ask, check=False).stdout.strip() == "east")
    finally:
        tunnels.kubectl("delete", "service", "east")


def test_outside_the_cluster_a_pod_has_its_nodes_address(tunnels: Cluster) -> None:
    for family, outside in zip((socket.AF_INET, socket.AF_INET6), tunnels.lab.hub.addresses, strict=True):
        with tunnels.inside("hub"):
            server = socket.create_server((outside, 0), family=family)
        with server:
            server.settimeout(40)
            script = f"nc -w 30 {outside} {server.getsockname()[1]} </dev/null >/dev/null 2>&1 &"
            tunnels.kubectl("exec", "west", "--", "sh", "-c", script)
            connection, peer = server.accept()
            connection.close()
        assert peer[0] in tunnels.lab.nodes[0].addresses


def healed(cluster: Cluster, holds: Callable[[], bool]) -> float:
    """Seconds until it holds again."""
    started_s = time.monotonic()
    until(holds)
    return time.monotonic() - started_s


def device_is_whole(cluster: Cluster, node: str) -> bool:
    with cluster.inside(node), Rtnl() as rtnl:
        link = rtnl.link(DEVICE)
        routes = [route for route in rtnl.routes() if route.protocol == ROUTE_PROTOCOL]
        return link is not None and len([r for r in routes if r.oif == link.ifindex]) == 2


def test_a_deleted_device_is_back_at_once(tunnels: Cluster) -> None:
    node = tunnels.lab.nodes[0].name
    tunnels.exec(node, ["ip", "link", "del", DEVICE])
    assert healed(tunnels, lambda: device_is_whole(tunnels, node)) < HEALED_WITHIN_S
    assert "east" in asked(tunnels, "west", addresses(tunnels, "east")[0])


def test_flushed_routes_and_entries_are_back_at_once(tunnels: Cluster) -> None:
    node = tunnels.lab.nodes[0].name
    tunnels.exec(node, ["ip", "route", "flush", "proto", str(ROUTE_PROTOCOL)])
    tunnels.exec(node, ["ip", "-6", "route", "flush", "proto", str(ROUTE_PROTOCOL)])
    assert healed(tunnels, lambda: device_is_whole(tunnels, node)) < HEALED_WITHIN_S
    entry = tunnels.exec(node, ["bridge", "fdb", "show", "dev", DEVICE]).stdout.split()
    tunnels.exec(node, ["bridge", "fdb", "del", entry[0], "dev", DEVICE, "dst", entry[2]])
    back = lambda: entry[0] in tunnels.exec(node, ["bridge", "fdb", "show", "dev", DEVICE]).stdout  # noqa: E731
    assert healed(tunnels, back) < HEALED_WITHIN_S


def test_a_flushed_packet_filter_has_its_masquerading_back_at_once(tunnels: Cluster) -> None:
    node = tunnels.lab.nodes[0].name
    tunnels.exec(node, ["nft", "delete", "table", "ip", "podnet-overlay"])
    tunnels.exec(node, ["nft", "delete", "table", "ip6", "podnet-overlay"])

    def whole() -> bool:
        tables = tunnels.exec(node, ["nft", "list", "tables"]).stdout
        return "ip podnet-overlay" in tables and "ip6 podnet-overlay" in tables

    assert healed(tunnels, whole) < HEALED_WITHIN_S


def test_ways_stay_while_the_agent_is_away_and_when_it_comes_back(tunnels: Cluster) -> None:
    node, far = tunnels.lab.nodes[0].name, addresses(tunnels, "east")[0]
    before = tunnels.exec(node, ["ip", "-o", "link", "show", DEVICE]).stdout.split(":")[0]
    agent = tunnels.exec(node, ["pgrep", "-of", "bin/knode"]).stdout.strip()
    tunnels.exec(node, ["kill", "-9", agent])
    url = f"http://{far}:8080/"
    assert tunnels.exec(node, ["curl", "-s", "-m", "30", url]).stdout.strip() == "east"

    def back() -> bool:
        return tunnels.exec(node, ["pgrep", "-of", "bin/knode"], check=False).stdout.strip() not in (
            "",
            agent,
        )

    until(back)
    ghost(tunnels, "10.244.66.0/24", "192.0.2.66")  # the new agent works: it lays a way to a new node
    try:
        until(lambda: "10.244.66.0/24" in entries(tunnels))
    finally:
        tunnels.kubectl("delete", "node", "ghost")
    until(lambda: "10.244.66.0/24" not in entries(tunnels))
    assert tunnels.exec(node, ["ip", "-o", "link", "show", DEVICE]).stdout.split(":")[0] == before
    assert tunnels.exec(node, ["curl", "-s", "-m", "30", url]).stdout.strip() == "east"


def ghost(cluster: Cluster, cidr: str, address: str) -> None:
    """A Node whose machine does not exist, as the API knows it."""
    body = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": "ghost"},
        "spec": {"podCIDR": cidr, "podCIDRs": [cidr], "unschedulable": True},
    }
    cluster.kubectl("create", "-f", "-", input=json.dumps(body).encode())
    move(cluster, address)


def move(cluster: Cluster, address: str) -> None:
    told = {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
    cluster.kubectl("patch", "node", "ghost", "--subresource=status", "--type=merge", "-p", json.dumps(told))


def entries(cluster: Cluster) -> str:
    """Routes and forwarding entries of the first node's device."""
    node = cluster.lab.nodes[0].name
    routes = cluster.exec(node, ["ip", "route", "show", "dev", DEVICE]).stdout
    return routes + cluster.exec(node, ["bridge", "fdb", "show", "dev", DEVICE]).stdout


def test_a_nodes_coming_moving_renumbering_and_going_is_followed(tunnels: Cluster) -> None:
    base = tunnels.lab.subnets[0].rpartition(".")[0]
    before = entries(tunnels)
    ghost(tunnels, "10.244.77.0/24", f"{base}.77")
    try:
        until(lambda: "10.244.77.0/24" in entries(tunnels) and f"{base}.77" in entries(tunnels))
        move(tunnels, f"{base}.78")
        until(lambda: f"{base}.78" in entries(tunnels) and f"{base}.77" not in entries(tunnels))
        tunnels.kubectl("delete", "node", "ghost")  # a Node's ranges are set once
        ghost(tunnels, "10.244.88.0/24", f"{base}.78")
        until(lambda: "10.244.88.0/24" in entries(tunnels) and "10.244.77." not in entries(tunnels))
    finally:
        tunnels.kubectl("delete", "node", "ghost")
    until(lambda: entries(tunnels) == before)


def device_mtu(cluster: Cluster, node: str) -> int:
    with cluster.inside(node), Rtnl() as rtnl:
        link = rtnl.link(DEVICE)
        return link.mtu if link is not None else 0


def test_the_mtu_follows_the_underlay_and_new_pods_get_it(tunnels: Cluster) -> None:
    node = tunnels.lab.nodes[1].name

    def conf_mtu() -> int:
        text = tunnels.exec(node, ["cat", "/etc/cni/net.d/10-podnet.conflist"]).stdout
        return int(json.loads(text)["plugins"][0]["mtu"])

    tunnels.exec(node, ["ip", "link", "set", "eth0", "mtu", "1400"])
    try:
        until(lambda: conf_mtu() == 1350)
        until(lambda: device_mtu(tunnels, node) == 1350)
    finally:
        tunnels.exec(node, ["ip", "link", "set", "eth0", "mtu", "1500"])
    until(lambda: conf_mtu() == 1450)


def test_nodes_of_ipv6_alone_tunnel_over_ipv6() -> None:
    with Cluster.up(f"vx6-{os.getpid()}", node_count=2, family="ipv6", ways="vxlan") as cluster:
        settle(cluster)
        far = cluster.kubectl("get", "pod", "east", "-o", "jsonpath={.status.podIP}").stdout
        until(lambda: "east" in asked(cluster, "west", far, timeout_s=2))
        fitting = in_pod(cluster, "west", "ping", "-6", "-M", "do", "-c", "1", "-W", "20", "-s", "1382", far)
        assert fitting.code == 0, fitting.stdout  # 1430 with headers: the outer ones take 70 of 1500


ONLY_THE_OVERLAY = """
import asyncio, sys
from kube.client import Client
from linux import logging_kv
from nodeagent.overlay.drive import Overlay
from nodeagent.overlay.plan import Settings
logging_kv.setup("overlay")
name, kubeconfig, *ips = sys.argv[1:]
async def main():
    client = Client.from_kubeconfig(kubeconfig, user_agent="test")
    await Overlay(client, Settings("routes", name, tuple(ips)), "/run/overlay-of-test", lambda: None).run()
asyncio.run(main())
"""


def test_nodes_route_for_themselves_where_nothing_else_does() -> None:
    with Cluster.up(f"rt-{os.getpid()}", node_count=2) as cluster:
        settle(cluster)
        for right in RIGHTS:
            cluster.kubectl("create", "-f", "-", input=json.dumps(right).encode())
        cluster.exec("hub", ["pkill", "-STOP", "-f", "klab fabric"])
        for node in (cluster.lab.hub, *cluster.lab.nodes):
            cluster.exec(node.name, ["ip", "route", "flush", "root", "10.244.0.0/16", "proto", "boot"])
            cluster.exec(
                node.name, ["ip", "-6", "route", "flush", "root", "fd00:10:244::/56", "proto", "boot"]
            )
        assert asked(cluster, "west", addresses(cluster, "east")[0], timeout_s=1) == ""
        for node in cluster.lab.nodes:
            kubeconfig = str(cluster.folder.kubeconfig_of(f"node-{node.name}"))
            argv = [sys.executable, "-c", ONLY_THE_OVERLAY, node.name, kubeconfig, *node.addresses]
            cluster.exec(node.name, ["sh", "-c", 'exec "$@" >/dev/null 2>&1 &', "sh", *argv])
        for ip in addresses(cluster, "east"):
            until(lambda ip=ip: "east" in asked(cluster, "west", ip, timeout_s=1))
        laid = cluster.exec(cluster.lab.nodes[0].name, ["ip", "route", "show", "proto", str(ROUTE_PROTOCOL)])
        pods = ip_network(f"{addresses(cluster, 'east')[0]}/24", strict=False)
        assert f"{pods} via {cluster.lab.nodes[1].addresses[0]} dev eth0" in laid.stdout


def test_the_demonstration_passes_through_tunnels() -> None:
    argv = [
        f"{BIN_DIR}/klab",
        "demo",
        "--network",
        "vxlan",
        "--nodes",
        "2",
        "--node-grace",
        "8",
        "--name",
        f"vxd-{os.getpid()}",
    ]
    done = process.run(argv, check=False, timeout_s=280)
    assert done.code == 0, done.stdout[-2000:]
    assert ", 0 failed" in done.stdout
