"""One node's network namespace with crafted packets going in and whatever comes out watched.

`eth0`, `veth12ab`, `vethx` and a port of the bridge `cni0` lead to a second namespace that has no addresses and
answers nothing: what is sent there is read raw.
"""

import os
import select
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

from linux import netns, sysctl
from linux.rtnl import Rtnl

_ETH_ALL = 3
_PACKET_OUTGOING = 4
_LINKS = {"eth0": "w-eth0", "veth12ab": "w-veth12ab", "vethx": "w-vethx", "cni0": "w-cni0"}
_GATEWAYS = {4: "192.168.0.254", 6: "fd00:192:168:0::254"}
_PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132}
_PATIENCE_S = 30.0
_SLOWNESS = 10 if "PODNET_GUEST" in os.environ else 1  # an emulated processor


class Seen(NamedTuple):
    """A frame that the node sent out."""

    kind: str  # forward, reject, answer
    source: str
    destination: str
    port: int


class PacketRange:
    """Made and removed with `packet_range`."""

    def __init__(self, addresses: tuple[str, ...], bridged: tuple[str, ...]) -> None:
        self.node = netns.create()
        self.world = netns.create()
        netns.run_in(self.node, lambda: self._furnish(addresses, bridged))
        netns.run_in(self.world, self._open)
        self._sequence = 0

    def _furnish(self, addresses: tuple[str, ...], bridged: tuple[str, ...]) -> None:
        for family in ("ipv4", "ipv6"):
            sysctl.write(f"net/{family}/conf/all/forwarding", 1)
            sysctl.write(f"net/{family}/conf/default/forwarding", 1)
        sysctl.write("net/ipv4/conf/all/rp_filter", 0)
        sysctl.write("net/ipv4/conf/default/rp_filter", 0)
        sysctl.write("net/ipv6/conf/default/accept_dad", 0)
        sysctl.write("net/ipv4/icmp_ratelimit", 0)
        sysctl.write("net/ipv6/icmp/ratelimit", 0)
        sysctl.write("net/ipv4/icmp_msgs_per_sec", 1_000_000)
        sysctl.write("net/ipv4/icmp_msgs_burst", 1_000_000)
        with Rtnl() as rtnl:
            lo = rtnl.link("lo")
            assert lo is not None
            rtnl.set_link(lo.ifindex, up=True)
            rtnl.add_bridge("cni0", up=True)
            for name, peer in _LINKS.items():
                inside = "port0" if name == "cni0" else name
                rtnl.add_veth(inside, peer, peer_netns_fd=self.world)
                self._bring_up(rtnl, inside, "cni0" if name == "cni0" else None)
            eth0, cni0 = rtnl.link("eth0"), rtnl.link("cni0")
            assert eth0 is not None
            assert cni0 is not None
            for ip in addresses:
                rtnl.add_address(eth0.ifindex, ip, 64 if ":" in ip else 24, nodad=True)
            mac = "02:00:00:00:00:fe"
            for family, gateway in _GATEWAYS.items():
                rtnl.add_neighbour(eth0.ifindex, gateway, mac)
                everything = "::/0" if family == 6 else "0.0.0.0/0"
                rtnl.add_route(everything, via=gateway, oif=eth0.ifindex, onlink=True)
            for cidr in bridged:
                rtnl.add_route(cidr, oif=cni0.ifindex)
            self._cni0 = cni0.ifindex
        self.mac = {name: self._mac(name) for name in _LINKS}

    @staticmethod
    def _mac(name: str) -> bytes:
        with Rtnl() as rtnl:
            link = rtnl.link(name)
        assert link is not None
        return bytes.fromhex(link.mac.replace(":", ""))

    @staticmethod
    def _bring_up(rtnl: Rtnl, name: str, master: str | None) -> None:
        link = rtnl.link(name)
        assert link is not None
        bridge = rtnl.link(master) if master else None
        rtnl.set_link(link.ifindex, up=True, master=bridge.ifindex if bridge else None)
        if bridge is not None:  # one port stands for all pods
            rtnl.set_bridge_port(link.ifindex, hairpin=True)

    def filter_bridged(self, *, on: bool) -> None:
        """Whether packets between ports of the bridge pass the packet filter."""

        def switch() -> None:
            for family in ("iptables", "ip6tables"):
                sysctl.ensure(f"net/bridge/bridge-nf-call-{family}", int(on))

        netns.run_in(self.node, switch)

    def know(self, ips: set[str]) -> None:
        """Neighbours on the bridge, which answers no questions."""

        def tell() -> None:
            with Rtnl() as rtnl:
                for ip in ips:
                    rtnl.add_neighbour(self._cni0, ip, "02:00:00:00:00:fd")

        netns.run_in(self.node, tell)

    def _open(self) -> None:
        self._sockets: dict[str, socket.socket] = {}
        with Rtnl() as rtnl:
            for name, peer in _LINKS.items():
                link = rtnl.link(peer)
                assert link is not None
                sysctl.write(f"net/ipv6/conf/{peer}/disable_ipv6", 1)
                rtnl.set_link(link.ifindex, up=True)
                raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ALL))
                raw.bind((peer, 0))
                self._sockets[name] = raw

    def close(self) -> None:
        for raw in self._sockets.values():
            raw.close()
        os.close(self.node)
        os.close(self.world)

    def _drain(self) -> None:
        while ready := select.select(list(self._sockets.values()), [], [], 0)[0]:
            for raw in ready:
                raw.recv(65536)

    def send(
        self, interface: str, source: str, destination: str, protocol: str, port: int, *, wanted: bool = False
    ) -> list[Seen]:
        """Send one packet in by an interface; what came out because of it. Empty: nothing did.

        `wanted`: something has to come, and is waited for on a busy machine.
        """
        self._drain()
        self._sequence += 1
        frame = self._frame(interface, source, destination, protocol, port)
        self._sockets[interface].send(frame)
        return self._watch(protocol, _PATIENCE_S if wanted else 0.15 * _SLOWNESS)

    def _frame(self, interface: str, source: str, destination: str, protocol: str, port: int) -> bytes:
        import scapy.layers.inet as v4
        import scapy.layers.inet6 as v6
        import scapy.layers.sctp as sctp

        ip: Any = (
            v6.IPv6(src=source, dst=destination) if ":" in source else v4.IP(src=source, dst=destination)
        )
        sport = 20000 + self._sequence % 40000
        transport: Any
        if protocol == "TCP":
            transport = v4.TCP(sport=sport, dport=port, flags="S", seq=self._sequence)
        elif protocol == "UDP":
            transport = v4.UDP(sport=sport, dport=port) / b"hello"
        else:
            transport = sctp.SCTP(sport=sport, dport=port) / sctp.SCTPChunkInit(init_tag=self._sequence)
        kind = b"\x86\xdd" if ":" in source else b"\x08\x00"
        return self.mac[interface] + b"\x02\0\0\0\0\x01" + kind + bytes(ip / transport)

    def send_from_node(
        self, source: str, destination: str, protocol: str, port: int, *, wanted: bool = False
    ) -> list[Seen]:
        """As a program of the node does it; a rejection is read off the socket."""
        self._drain()

        def connect() -> list[Seen]:
            six = ":" in destination
            family = socket.AF_INET6 if six else socket.AF_INET
            kind = socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM
            with socket.socket(family, kind) as client:
                level, recverr = (socket.IPPROTO_IPV6, 25) if six else (socket.IPPROTO_IP, 11)
                client.setsockopt(level, recverr, 1)
                if not destination.startswith("127.") and destination != "::1":
                    client.bind((source, 0))
                client.setblocking(False)
                with suppress(BlockingIOError, ConnectionRefusedError):
                    client.connect((destination, port))
                    if protocol != "TCP":
                        client.send(b"hello")
                # A socket for datagrams can always be written to; one that connects can when it is answered.
                tells = select.POLLERR | (select.POLLOUT if protocol == "TCP" else 0)
                seen = self._watch(protocol, _PATIENCE_S if wanted else 0.4 * _SLOWNESS, client, tells)
                with suppress(BlockingIOError, OSError):
                    _, ancillary, _, _ = client.recvmsg(512, 512, socket.MSG_ERRQUEUE)
                    if ancillary and ancillary[0][2][4] in (2, 3):  # SO_EE_ORIGIN_ICMP, _ICMP6
                        seen.append(Seen("reject", source, destination, port))
                if not seen and client.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                    with suppress(OSError):
                        client.getpeername()
                        seen.append(Seen("answer", destination, source, port))
                return seen

        return netns.run_in(self.node, connect)

    def _watch(
        self, protocol: str, timeout_s: float, stop_on: socket.socket | None = None, tells: int = 0
    ) -> list[Seen]:
        """Frames as soon as there are any; none when the time is over, or the sender's socket tells its end."""
        until = time.monotonic() + timeout_s
        end = select.poll()
        if stop_on is not None:
            end.register(stop_on, tells)
        is_last = False
        while True:
            if found := self._frames(protocol, 0 if is_last else 0.03):
                return found
            if is_last:
                return []
            # What came while we were not running, or with the end itself, is looked for once more.
            is_last = time.monotonic() > until or bool(end.poll(0))

    def _frames(self, protocol: str, timeout_s: float) -> list[Seen]:
        found: list[Seen] = []
        for raw in select.select([*self._sockets.values()], [], [], timeout_s)[0]:
            data, address = raw.recvfrom(65536)
            if address[2] != _PACKET_OUTGOING and (seen := _read(data, protocol)) is not None:
                found.append(seen)
        return found


def _read(frame: bytes, protocol: str) -> Seen | None:
    """TCP, UDP, SCTP with the port it goes to; ICMP port unreachable as a rejection."""
    if frame[12:14] == b"\x08\x00":
        packet = frame[14:]
        source, destination = (socket.inet_ntop(socket.AF_INET, packet[i : i + 4]) for i in (12, 16))
        number, payload = packet[9], packet[(packet[0] & 15) * 4 :]
        unreachable = number == 1 and payload[:2] == b"\x03\x03"
    elif frame[12:14] == b"\x86\xdd":
        packet = frame[14:]
        source, destination = (socket.inet_ntop(socket.AF_INET6, packet[i : i + 16]) for i in (8, 24))
        number, payload = packet[6], packet[40:]
        unreachable = number == 58 and payload[:2] == b"\x01\x04"
    else:
        return None
    if unreachable:
        return Seen("reject", source, destination, 0)
    if number != _PROTOCOLS[protocol]:
        return None
    answer = protocol == "TCP" and bool(payload[13] & 0x14)  # ACK or RST: the node itself spoke
    return Seen("answer" if answer else "forward", source, destination, int.from_bytes(payload[2:4], "big"))


@contextmanager
def packet_range(addresses: tuple[str, ...], bridged: tuple[str, ...]) -> Iterator[PacketRange]:
    made = PacketRange(addresses, bridged)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def listening(fd: int, protocol: str, ip: str, port: int) -> Iterator[None]:
    """A socket of the node, so that a packet left alone is not refused for want of one."""

    def listen() -> socket.socket:
        made = socket.socket(
            socket.AF_INET6 if ":" in ip else socket.AF_INET,
            socket.SOCK_STREAM if protocol == "TCP" else socket.SOCK_DGRAM,
        )
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((ip, port))
        if protocol == "TCP":
            made.listen()
        return made

    made = netns.run_in(fd, listen)
    try:
        yield
    finally:
        made.close()
