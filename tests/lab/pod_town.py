"""A node with pods behind a bridge, a pod on another node and a client outside, each in its own namespace.

Servers answer with their own name and the address that they saw.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeVar

from linux import netns, sysctl
from linux.rtnl import Rtnl

T = TypeVar("T")
NODE = ("192.168.0.2", "fd00:192::2")
CLIENT = ("192.168.0.100", "fd00:192::100")
REMOTE_NODE = ("192.168.0.3", "fd00:192::3")
LOCAL_RANGE = ("10.244.1.0/24", "fd00:10:244:1::/64")
REMOTE_RANGE = ("10.244.2.0/24", "fd00:10:244:2::/64")
PORT = 8080
PATIENCE_S = 20.0  # a machine may stand still for ten


class Place(NamedTuple):
    """A namespace with one address a family."""

    fd: int
    name: str
    ips: tuple[str, str]

    def ip(self, family: int) -> str:
        return self.ips[0] if family == 4 else self.ips[1]

    def run(self, function: Callable[[], T]) -> T:
        return netns.run_in(self.fd, function)


def _sysctls() -> None:
    for family in ("ipv4", "ipv6"):
        sysctl.write(f"net/{family}/conf/all/forwarding", 1)
    for scope in ("all", "default"):
        sysctl.write(f"net/ipv4/conf/{scope}/rp_filter", 0)
        sysctl.write(
            f"net/ipv4/conf/{scope}/send_redirects", 0
        )  # they share their rate limit with rejections
    sysctl.write("net/ipv6/conf/default/accept_dad", 0)
    with Rtnl() as rtnl:
        lo = rtnl.link("lo")
        assert lo is not None
        rtnl.set_link(lo.ifindex, up=True)


def _address(name: str, ips: tuple[str, str], via: tuple[str, str] | None = None) -> None:
    with Rtnl() as rtnl:
        link = rtnl.link(name)
        assert link is not None
        rtnl.set_link(link.ifindex, up=True)
        for ip in ips:
            rtnl.add_address(link.ifindex, ip, 64 if ":" in ip else 24, nodad=True)
        for everything, gateway in zip(("0.0.0.0/0", "::/0"), via or (), strict=bool(via)):
            rtnl.add_route(everything, via=gateway, oif=link.ifindex)


class Town:
    """Made and removed with `town`."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._fds: list[int] = []
        self.node = self._place("node", NODE)
        self.client = self._place("client", CLIENT)
        self.remote_node = self._place("remote-node", REMOTE_NODE)
        self._wire()
        self.pods = [self._pod(f"pod{i}", i) for i in (11, 12)]
        self.remote = self._pod("remote", 11, self.remote_node)

    def _place(self, name: str, ips: tuple[str, str]) -> Place:
        fd = netns.create()
        self._fds.append(fd)
        netns.run_in(fd, _sysctls)
        return Place(fd, name, ips)

    def _wire(self) -> None:
        """An underlay bridge, which is nobody's, with the two nodes and the client."""
        underlay = self._place("underlay", ("", ""))

        def lay() -> None:
            with Rtnl() as rtnl:
                rtnl.add_bridge("br0", up=True)
                bridge = rtnl.link("br0")
                assert bridge is not None
                for place in (self.node, self.client, self.remote_node):
                    rtnl.add_veth(f"u-{place.name}"[:15], "eth0", peer_netns_fd=place.fd)
                    port = rtnl.link(f"u-{place.name}"[:15])
                    assert port is not None
                    rtnl.set_link(port.ifindex, up=True, master=bridge.ifindex)

        netns.run_in(underlay.fd, lay)
        self.node.run(lambda: _address("eth0", NODE, REMOTE_NODE))
        self.client.run(lambda: _address("eth0", CLIENT, NODE))
        self.remote_node.run(lambda: _address("eth0", REMOTE_NODE, NODE))
        self.node.run(lambda: self._bridge(1, REMOTE_RANGE, REMOTE_NODE))
        self.remote_node.run(lambda: self._bridge(2, LOCAL_RANGE, NODE))

    @staticmethod
    def _bridge(number: int, other: tuple[str, str], via: tuple[str, str]) -> None:
        with Rtnl() as rtnl:
            rtnl.add_bridge("cni0", up=True)
        _address("cni0", (f"10.244.{number}.1", f"fd00:10:244:{number}::1"))
        with Rtnl() as rtnl:
            eth0 = rtnl.link("eth0")
            assert eth0 is not None
            for cidr, gateway in zip(other, via, strict=True):
                rtnl.add_route(cidr, via=gateway, oif=eth0.ifindex)

    def _pod(self, name: str, number: int, node: Place | None = None) -> Place:
        home, site = (self.node, 1) if node is None else (node, 2)
        pod = self._place(name, (f"10.244.{site}.{number}", f"fd00:10:244:{site}::{number:x}"))

        def attach() -> None:
            with Rtnl() as rtnl:
                rtnl.add_veth(f"v-{name}", "eth0", peer_netns_fd=pod.fd)
                port, bridge = rtnl.link(f"v-{name}"), rtnl.link("cni0")
                assert port is not None
                assert bridge is not None
                rtnl.set_link(port.ifindex, up=True, master=bridge.ifindex)
                rtnl.set_bridge_port(port.ifindex, hairpin=True)

        home.run(attach)
        gateways = (f"10.244.{site}.1", f"fd00:10:244:{site}::1")
        pod.run(lambda: _address("eth0", pod.ips, gateways))
        self._serve(pod)
        return pod

    def _serve(self, pod: Place) -> None:
        def open_all() -> None:
            for family in (socket.AF_INET, socket.AF_INET6):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    made = socket.socket(family, kind)
                    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    if family == socket.AF_INET6:
                        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    made.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", PORT))
                    if kind == socket.SOCK_STREAM:
                        made.listen(64)
                    self._open.append(made)
                    serve = _accept if kind == socket.SOCK_STREAM else _receive
                    threading.Thread(target=serve, args=(made, pod.name), daemon=True).start()

        pod.run(open_all)

    def close(self) -> None:
        for made in self._open:
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)
            made.close()
        for fd in self._fds:
            os.close(fd)


def _accept(listening: socket.socket, name: str) -> None:
    with suppress(OSError):
        while True:
            connection, peer = listening.accept()
            with connection:
                connection.sendall(f"{name} {peer[0]}".encode())


def _receive(bound: socket.socket, name: str) -> None:
    with suppress(OSError):
        while True:
            _, peer = bound.recvfrom(512)
            if peer is None:  # the end
                return
            bound.sendto(f"{name} {peer[0]}".encode(), peer)


class Reply(NamedTuple):
    """Who answered, and whom it took for the asker."""

    server: str
    seen_source: str


def ask(
    place: Place,
    ip: str,
    port: int,
    *,
    udp: bool = False,
    source_port: int = 0,
    timeout_s: float = PATIENCE_S,
) -> Reply:
    """Raises ConnectionRefusedError on a rejection, TimeoutError on silence: who expects silence says how long.

    Where an ICMPv6 error comes back while connect() still holds its socket, as it does between namespaces, the
    kernel (6.18) takes notice of the one to the next SYN, a second later.
    """

    def connect() -> Reply:
        family = socket.AF_INET6 if ":" in ip else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM) as client:
            client.settimeout(timeout_s)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind(("", source_port))
            client.connect((ip, port))
            if udp:
                client.send(b"?")
            server, _, source = client.recv(512).decode().partition(" ")
            return Reply(server, source)

    return place.run(connect)


@contextmanager
def town() -> Iterator[Town]:
    made = Town()
    try:
        yield made
    finally:
        made.close()
