"""Servers of healthCheckNodePort: which should listen where. Pure; `drive` opens and closes them."""

from collections.abc import Iterable, Mapping

import msgspec

from kproxy.forwarding import ServicePortName
from kproxy.intake import Known
from kproxy.pages.health import local_ready
from kube.objects import NamespacedName


class Check(msgspec.Struct, frozen=True):
    """One service's health as its load balancer sees it on this node."""

    port: int
    local_count: int


def checks_of(
    known: Mapping[int, Mapping[ServicePortName, Known]], names: Iterable[ServicePortName]
) -> dict[NamespacedName, Check | None]:
    """By service, for the services that these are all ports of; None: no server.

    An endpoint counts once, whatever the number of ports that it serves; of two families the better off counts.
    """
    ports = tuple(names)
    found: dict[NamespacedName, Check | None] = {NamespacedName(*name[:2]): None for name in ports}
    for table in known.values():
        here: dict[NamespacedName, set[str]] = {}
        for name in ports:
            item = table.get(name)
            if item is None or not item.port.health_check_port:
                continue
            key = NamespacedName(*name[:2])
            ips = here.setdefault(key, set())
            ips |= local_ready(item.endpoints)
            before = found[key]
            count = max(len(ips), before.local_count if before is not None else 0)
            found[key] = Check(item.port.health_check_port, count)
    return found
