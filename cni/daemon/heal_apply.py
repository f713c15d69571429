"""Putting right what somebody else changed: the bridge, its address, its ports, forwarding, rules.

For instance after `ip link del cni0`, `nft flush ruleset`, or a firewall's reload.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from cni.attachments import disk
from cni.attachments.record import Record
from cni.bridge import config as bridge_config
from cni.bridge.config import BridgeConf
from cni.bridge.gateway_apply import ensure_bridge, ensure_gateways
from cni.call import World
from cni.daemon import mtu_apply
from cni.daemon.mtu_apply import Uplinks
from cni.daemon.requests import call_of
from cni.firewall import apply as firewall
from cni.iptables import run as iptables
from cni.masquerade import apply as masquerade
from cni.portmap import apply as portmap
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError
from cni.spec.result import IPConfig
from cni.veth.lifecycle_apply import is_alive
from cni.veth.plan import Addressing
from linux import sysctl
from linux.logging_kv import get_logger
from linux.rtnl import Link, Rtnl

logger = get_logger("cni.daemon.heal")
_FORWARDING = {32: "net/ipv4/ip_forward", 128: "net/ipv6/conf/all/forwarding"}


class Healed(NamedTuple):
    """How many things were put right, and how many could not be looked at because somebody was at work there."""

    mended: int
    busy: int
    uplink_mtus: Mapping[int, int]
    """By interface index: a change of theirs is news."""


def heal(world: World) -> Healed:
    """Goes on after errors, which it logs."""
    steps: tuple[tuple[str, Callable[[World, Record], int]], ...] = (
        ("bridge", _masquerading),
        ("ptp", _masquerading),
        ("portmap", _port_mappings),
        ("firewall", _firewall_rules),
    )
    results, uplinks = _bridges(world)
    with iptables.Look():
        for plugin, step in steps:
            for found in living(world, plugin):
                try:
                    results.append(_heal_one(world, plugin, step, found))
                except (CniError, OSError) as error:
                    logger.warning("could not heal", plugin=plugin, container=found.container_id, error=error)
    return Healed(sum(r for r in results if r is not None), results.count(None), uplinks.mtus)


def _heal_one(world: World, plugin: str, step: Callable[[World, Record], int], found: Record) -> int | None:
    """Under the attachment's lock: what its DEL is taking away is not to be put back. None: it is taken."""
    held = disk.hold_if_idle(world.run_dir, plugin, found)
    if held is None:
        return None
    with held:
        return step(world, held.found) if held.found is not None and held.found.complete else 0


def living(world: World, plugin: str) -> Iterator[Record]:
    """Complete attachments whose namespaces exist."""
    for network in disk.names_in(f"{world.run_dir}/attachments/{plugin}"):
        for found in disk.records(world.run_dir, plugin, network):
            if found.complete and is_alive(found):
                yield found


def _bridges(world: World) -> tuple[list[int | None], Uplinks]:
    results: list[int | None] = []
    host_name = os.uname().nodename
    with Rtnl() as host:
        links = {link.name: link for link in host.links()}
        uplinks = mtu_apply.look(host, links)

        def step(world: World, found: Record) -> int:
            call = call_of(found, world)
            conf = bridge_config.parse(call.conf, call.args)
            return _bridge(host, host_name, conf, found, links, uplinks.mtu_for(conf))

        for found in living(world, "bridge"):
            try:
                results.append(_heal_one(world, "bridge", step, found))
            except (CniError, OSError) as error:
                logger.warning("could not heal", bridge=found.facts["bridge"], error=error)
    return results, uplinks


def _bridge(
    host: Rtnl, host_name: str, conf: BridgeConf, found: Record, links: dict[str, Link], mtu: int | None
) -> int:
    ips = tuple(IPConfig(text) for text in found.facts["ips"])
    gateways = tuple(parse_cidr(text) for text in found.facts["gateways"])
    layer3 = Addressing(ips, (), gateways)
    mended = 0
    before = links.get(conf.bridge)
    if before is None or not before.up or not _has_gateways(host, before, layer3):
        _mtu, bridge = ensure_bridge(host, conf, host_name)
        ensure_gateways(host, conf, host_name, bridge, layer3)
        links[conf.bridge] = host.link(conf.bridge) or bridge
        mended += 1
        logger.info("bridge healed", bridge=conf.bridge)
    elif conf.is_gateway:
        mended += _forwarding(layer3)
    port = links.get(found.facts["host_ifname"])
    bridge = links[conf.bridge]
    if port is not None and port.master != bridge.ifindex:
        host.set_link(port.ifindex, master=bridge.ifindex, up=True)
        if conf.hairpin or conf.isolated:
            host.set_bridge_port(port.ifindex, hairpin=conf.hairpin or None, isolated=conf.isolated or None)
        mended += 1
    changed = 0 if mtu is None else mtu_apply.follow(host, found, bridge, port, mtu)
    if mtu is not None and changed:
        links[conf.bridge] = bridge._replace(mtu=mtu)
        logger.info("MTU follows the uplinks'", bridge=conf.bridge, container=found.container_id, mtu=mtu)
    return mended + changed


def _has_gateways(host: Rtnl, bridge: Link, layer3: Addressing) -> bool:
    if not layer3.gateways:
        return True
    present = {f"{a.ip}/{a.prefix}" for a in host.addresses(bridge.ifindex)}
    return all(gateway.text in present for gateway in layer3.gateways)


def _forwarding(layer3: Addressing) -> int:
    families = {gateway.ip.bits for gateway in layer3.gateways}
    return sum(sysctl.ensure(_FORWARDING[bits], 1) for bits in families)


def _masquerading(world: World, found: Record) -> bool:
    if not found.facts.get("masquerade"):
        return False
    call = call_of(found, world)
    backend = masquerade.choose(call.conf.fields.text("ipMasqBackend"))
    cidrs = [parse_cidr(text) for text in found.facts["ips"]]
    if masquerade.is_present(found.network, found.container_id, found.ifname, cidrs, backend):
        return False
    masquerade.delete(found.network, found.container_id, found.ifname, [cidr.ip for cidr in cidrs])
    masquerade.add(found.network, found.container_id, found.ifname, cidrs, backend)
    logger.info("masquerading healed", container=found.container_id)
    return True


def _port_mappings(world: World, found: Record) -> bool:
    healed = portmap.heal(call_of(found, world), found)
    if healed:
        logger.info("port mappings healed", container=found.container_id)
    return healed


def _firewall_rules(world: World, found: Record) -> bool:
    healed = firewall.heal(call_of(found, world), found)
    if healed:
        logger.info("firewall rules healed", container=found.container_id)
    return healed
