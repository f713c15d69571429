"""One family's virtual servers in the kernel, in this backend's terms: many changes in few system calls."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from errno import EEXIST, ENOENT, ESRCH
from typing import TypeVar, cast

from kproxy.addresses import IPV6
from kproxy.backends.ipvs.pieces import SOURCE_HASHING_PORTS, Real, Server, Virtual
from kproxy.forwarding import PROTOCOL_NUMBERS
from kproxy.node import IpvsRules
from linux.ipvs import wire
from linux.ipvs.socket import IpvsSocket
from linux.netlink.socket import NetlinkError

_PROTOCOL_NAMES = {number: name for name, number in PROTOCOL_NUMBERS.items()}
_GONE = (ESRCH, ENOENT)
T = TypeVar("T")
_Change = tuple[Virtual, Real, int | None]


class ServersError(Exception):
    """What the kernel would not, in one line."""


class Servers:
    """Raises ServersError; what is gone already or there already is no error."""

    def __init__(self, family: int) -> None:
        self._family = family
        try:
            self._socket = IpvsSocket()
        except OSError as error:
            raise ServersError(
                "the kernel has no IPVS (module ip_vs): load it with `modprobe ip_vs` or use --proxy-mode nftables"
            ) from error

    def close(self) -> None:
        self._socket.close()

    def read(self) -> dict[Virtual, Server]:
        """All of the family but those by firewall mark, which are nobody's of ours."""
        found: dict[Virtual, Server] = {}
        with _refusals():
            services = self._socket.services()
        for service in services:
            ip, protocol, port = service.key
            if (":" in ip) != (self._family == IPV6):
                continue
            virtual = Virtual(_PROTOCOL_NAMES.get(protocol, str(protocol)), ip, port)
            persistent_s = service.timeout_s if service.flags & wire.PERSISTENT else 0
            reals = {real: weight for real, weight, _ in self._reals(service.key)}
            found[virtual] = Server(service.scheduler, persistent_s, reals)
        return found

    def reals(self, virtual: Virtual) -> list[tuple[Real, int, int]]:
        """Each with its weight and its connections, open and closing."""
        return self._reals(_key(virtual))

    def _reals(self, key: wire.ServiceKey) -> list[tuple[Real, int, int]]:
        with _refusals():
            found = self._socket.destinations(key)
        return [(Real(d.ip, d.port), d.weight, d.active + d.inactive) for d in found]

    def put(self, servers: Iterable[tuple[Virtual, Server]]) -> None:
        """Added; those that are there are changed. Real servers are not looked at."""
        wanted = list(servers)
        there = self._send(wanted, lambda each: _service(wire.NEW_SERVICE, *each), EEXIST)
        self._send(there, lambda each: _service(wire.SET_SERVICE, *each))

    def remove(self, virtuals: Iterable[Virtual]) -> None:
        self._send(
            [(virtual,) for virtual in virtuals],
            lambda each: wire.service_request(wire.DELETE_SERVICE, _key(*each)),
            *_GONE,
        )

    def set_reals(self, changes: Iterable[_Change]) -> None:
        """To these weights; None removes. One that is there, perhaps about to leave, gets its weight back."""
        gone: list[_Change] = []
        leaving: list[_Change] = []
        coming: list[_Change] = []
        for change in changes:
            weight = change[2]
            (gone if weight is None else coming if weight else leaving).append(change)
        self._send(gone, lambda each: _dest(wire.DELETE_DEST, *each), *_GONE)
        there = self._send(coming, lambda each: _dest(wire.NEW_DEST, *each), EEXIST)
        self._send([*there, *leaving], lambda each: _dest(wire.SET_DEST, *each), *_GONE)

    def set_timeouts(self, rules: IpvsRules) -> None:
        """0 leaves the kernel's."""
        seconds = (rules.tcp_timeout_s, rules.tcp_fin_timeout_s, rules.udp_timeout_s)
        if any(seconds):
            refusal = self._socket.send([wire.timeouts_payload(*seconds)])[0]
            if refusal is not None:
                raise ServersError(f"IPVS refused its timeouts: {refusal}") from refusal

    def _send(self, items: Sequence[T], payload: Callable[[T], bytes], *swallowed: int) -> list[T]:
        """The items that the kernel refused with one of the codes given; any other refusal raises."""
        refused: list[T] = []
        for item, refusal in zip(items, self._socket.send(list(map(payload, items))), strict=True):
            if refusal is None:
                continue
            if refusal.errno not in swallowed:
                virtual = cast("tuple[Virtual, ...]", item)[0]
                where = f"{virtual.ip} {virtual.port}/{virtual.protocol}"
                raise ServersError(f"IPVS refused {where}: {refusal}") from refusal
            refused.append(item)
        return refused


def _key(virtual: Virtual) -> wire.ServiceKey:
    return wire.ServiceKey(virtual.ip, PROTOCOL_NUMBERS[virtual.protocol], virtual.port)


def _service(command: int, virtual: Virtual, server: Server) -> bytes:
    flags = wire.PERSISTENT if server.persistent_s else 0
    if server.scheduler == SOURCE_HASHING_PORTS:
        flags |= wire.SOURCE_PORT
    return wire.service_payload(
        command, wire.Service(_key(virtual), server.scheduler, flags, server.persistent_s)
    )


def _dest(command: int, virtual: Virtual, real: Real, weight: int | None) -> bytes:
    return wire.destination_payload(command, _key(virtual), wire.Destination(*real, weight or 0))


@contextmanager
def _refusals() -> Iterator[None]:
    try:
        yield
    except NetlinkError as error:
        raise ServersError(f"IPVS could not be read: {error}") from error
