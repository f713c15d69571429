"""Virtual and real servers in the kernel."""

from __future__ import annotations

from linux.ipvs import wire
from linux.netlink.codec import NLM_F_DUMP
from linux.netlink.generic import open_family

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from linux.ipvs.wire import Destination, Service, ServiceKey
    from linux.netlink.socket import NetlinkError


class IpvsSocket:
    """Bound to the network namespace it was opened in. Raises NetlinkError; ENOENT at opening: there is no ip_vs."""

    def __init__(self) -> None:
        self._socket, self._family = open_family(wire.FAMILY_NAME)

    def close(self) -> None:
        self._socket.close()

    def services(self) -> list[Service]:
        """Of both IP families; those by firewall mark are left out."""
        answers = self._socket.request(self._family, wire.services_request(), NLM_F_DUMP)
        return [found for a in answers if (found := wire.parse_service(a.payload)) is not None]

    def destinations(self, key: ServiceKey) -> list[Destination]:
        """Real servers of one virtual server; none if it is not there."""
        request = wire.service_request(wire.GET_DEST, key)
        answers = self._socket.request(self._family, request, NLM_F_DUMP)
        family = wire.family_of(key.ip)
        return [d for a in answers if (d := wire.parse_destination(a.payload, family)) is not None]

    def send(self, payloads: Sequence[bytes]) -> list[NetlinkError | None]:
        """Requests of `wire`, many in a system call; one result each, in order."""
        return self._socket.batch([(self._family, 0, payload) for payload in payloads])
