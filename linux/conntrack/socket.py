"""The kernel's connection tracking table: what is in it, and entries out of it."""

from __future__ import annotations

from errno import EINVAL, ENOENT, EOPNOTSUPP
from socket import AF_INET, AF_INET6

from linux.conntrack import wire
from linux.conntrack.wire import Entry, Filter
from linux.netlink.codec import NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL
from linux.netlink.socket import NETLINK_NETFILTER, Closing, NetlinkError, NetlinkSocket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_ANY = Filter()


class Conntrack(Closing):
    """One socket, bound to the network namespace that it was opened in."""

    def __init__(self) -> None:
        self._socket = NetlinkSocket(NETLINK_NETFILTER)
        self._filters = True

    def close(self) -> None:
        self._socket.close()

    def entries(self, *, ipv6: bool = False, only: Filter = _ANY) -> list[Entry]:
        """Older kernels leave nothing out; what was not asked for is dropped here then."""
        found = [wire.parse_entry(payload) for payload in self._dump(AF_INET6 if ipv6 else AF_INET, only)]
        return [entry for entry in found if _matches(entry, only)]

    def _dump(self, family: int, only: Filter) -> list[bytes]:
        kind = wire.message_type(wire.CT_GET)
        if self._filters and only != _ANY:
            try:
                answers = self._socket.request(
                    kind, wire.header(family) + wire.encode_filter(only), NLM_F_DUMP
                )
                return [bytes(m.payload) for m in answers]
            except NetlinkError as error:
                if error.errno not in (EINVAL, EOPNOTSUPP):
                    raise
                self._filters = False
        return [bytes(m.payload) for m in self._socket.request(kind, wire.header(family), NLM_F_DUMP)]

    def delete(self, entries: Iterable[Entry]) -> int:
        """How many there were; those that are gone already do not count."""
        requests = [
            (
                wire.message_type(wire.CT_DELETE),
                0,
                wire.header(AF_INET6 if ":" in e.original.source else AF_INET) + wire.encode_reference(e),
            )
            for e in entries
        ]
        results = self._socket.batch(requests) if requests else []
        for result in results:
            if result is not None and result.errno != ENOENT:
                raise result
        return sum(result is None for result in results)

    def add(self, entry: Entry, *, timeout_s: int = 120) -> None:
        family = AF_INET6 if ":" in entry.original.source else AF_INET
        payload = wire.header(family) + wire.encode_entry(entry, timeout_s=timeout_s)
        self._socket.request(wire.message_type(wire.CT_NEW), payload, NLM_F_CREATE | NLM_F_EXCL)


def _matches(entry: Entry, only: Filter) -> bool:
    original = entry.original
    return (
        not entry.status & only.without_status
        and only.protocol in (None, original.protocol)
        and only.destination in (None, original.destination)
        and only.destination_port in (None, original.destination_port)
    )
