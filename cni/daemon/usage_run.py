"""Looks up what the metrics say of pools and pods: the records, the stores, the links."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

from cni.attachments import disk
from cni.attachments.record import Record
from cni.call import World
from cni.daemon.heal_apply import living
from cni.daemon.requests import call_of
from cni.daemon.usage import PodTraffic, Pool, Usage
from cni.host_local import config
from cni.host_local.disk import Network
from cni.spec.errors import CniError
from linux.rtnl import Rtnl
from linux.rtnl.traffic import Traffic, traffic_by_index

_LINK_PLUGINS = ("bridge", "ptp")
_IPAM = "host-local"


def usage(world: World) -> Usage:
    """Of attachments whose namespaces live, and of all stores they use besides the usual one."""
    found = [item for plugin in _LINK_PLUGINS for item in living(world, plugin)]
    pools = dict(_configured_pools(world, found))
    addresses: list[tuple[str, int]] = []
    rows: list[Pool] = []
    folders = {config.DATA_DIR, *(conf.data_dir for conf in pools.values())}
    for data_dir, network in ((folder, name) for folder in sorted(folders) for name in _networks(folder)):
        with Network(data_dir, network) as opened:
            addresses.append((network, len(opened.db.rows())))
            conf = pools.get(network)
            if conf is not None and conf.data_dir == data_dir:
                rows += [Pool(network, pool.text, opened.db.count(pool), pool.capacity) for pool in conf.sets]
    return Usage(tuple(addresses), tuple(rows), tuple(_traffic(found)))


def _networks(data_dir: str) -> Iterator[str]:
    for name in disk.names_in(data_dir):
        if not name.startswith(".") and os.path.isdir(f"{data_dir}/{name}"):
            yield name


def _configured_pools(world: World, found: Iterable[Record]) -> Iterator[tuple[str, config.IpamConf]]:
    """By network; the newest attachment knows best."""
    for item in sorted(found, key=lambda record: record.created_at):
        try:
            call = call_of(item, world)
            if call.conf.ipam.text("type") == _IPAM:
                yield item.network, config.parse(call)
        except CniError:
            continue


def _traffic(found: Iterable[Record]) -> Iterator[PodTraffic]:
    with Rtnl() as host:
        indexes = {link.name: link.ifindex for link in host.links(kind="veth")}
        carried = traffic_by_index(host.socket, kind="veth")
    for item in found:
        index = indexes.get(item.facts.get("host_ifname", ""))
        if index in carried:
            yield _as_the_pod_sees_it(item, carried[index])


def _as_the_pod_sees_it(item: Record, host_end: Traffic) -> PodTraffic:
    return PodTraffic(
        network=item.network,
        pod=item.pod or item.container_id,
        interface=item.ifname,
        received_bytes=host_end.sent_bytes,
        sent_bytes=host_end.received_bytes,
        received_packets=host_end.sent_packets,
        sent_packets=host_end.received_packets,
        dropped_packets=host_end.received_dropped + host_end.sent_dropped,
    )
