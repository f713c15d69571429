"""Servers of healthCheckNodePort: which should listen where. Pure; `drive` opens and closes them."""

from collections.abc import Iterable, Mapping

import msgspec

from kproxy.forwarding import ServicePortName
from kproxy.intake import Known
from kproxy.pages.health import local_ready_count
from kube.objects import NamespacedName


class Check(msgspec.Struct, frozen=True):
    """One service's health as its load balancer sees it on this node."""

    port: int
    local_count: int


def checks_of(
    known: Mapping[int, Mapping[ServicePortName, Known]], names: Iterable[ServicePortName]
) -> dict[NamespacedName, Check | None]:
    """By service, for the services of these ports; None: no server."""
    services = {NamespacedName(name.namespace, name.service): name for name in names}
    found: dict[NamespacedName, Check | None] = dict.fromkeys(services)
    for table in known.values():
        for name, item in _of_services(table, names):
            if item.port.health_check_port:
                key = NamespacedName(name.namespace, name.service)
                before = found[key]
                count = local_ready_count(item.endpoints)
                found[key] = Check(
                    item.port.health_check_port, count if before is None else max(count, before.local_count)
                )
    return found


def _of_services(
    table: Mapping[ServicePortName, Known], names: Iterable[ServicePortName]
) -> Iterable[tuple[ServicePortName, Known]]:
    for name in names:
        if name in table:
            yield name, table[name]
