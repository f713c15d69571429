"""ptp's verbs."""

from __future__ import annotations

import os

from cni import netns_run
from cni.delegation import run as ipam
from cni.ptp import config
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError
from cni.spec.netconf import required_prev_result
from cni.spec.result import Interface, Result
from cni.veth import lifecycle_apply as lifecycle
from cni.veth import sysctls
from cni.veth.apply import VethAttach, route_request
from cni.veth.plan import container_mac, kernel_routes
from linux import sysctl
from linux.rtnl import Rtnl, constants, requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from cni.attachments.disk import Held
    from cni.call import Call
    from cni.ptp.config import PtpConf
    from cni.undo import Undo
    from cni.veth.apply import Request
    from cni.veth.plan import Addressing

PLUGIN = "ptp"


class PtpAttach(VethAttach):
    plugin = PLUGIN

    def run(self, conf: PtpConf) -> Result:
        name = self.record_intent()
        found = self.reserve()
        if not found.ips:
            raise CniError("ptp needs an IPAM plugin: add one as ipam.type")
        layer3 = config.addressing(found)
        name = self.create_pair(name, None, container_mac(conf, layer3.ips), conf.mtu)
        host_end = self.mark_host_end(name)
        sysctls.set_gateway_end(name)
        self.host.set_link(host_end.ifindex, up=True)
        container = self.container_end()
        link = self.configure_container(layer3, list(_subnet_requests(container.ifindex, layer3)))
        self.step("host routes")
        self._route_from_host(host_end.ifindex, layer3)
        self.masquerade(name, layer3)
        self.settle(name, layer3)
        self.record_done(name, layer3)
        interfaces = (
            Interface(name, host_end.mac, mtu=host_end.mtu),
            Interface(self.call.ifname, link.mac, self.call.netns, mtu=link.mtu),
        )
        return Result(interfaces, layer3.ips, layer3.routes, self.dns(found))

    def _route_from_host(self, index: int, layer3: Addressing) -> None:
        for gateway in layer3.gateways:
            self.host.add_address(index, gateway.ip.text, gateway.prefix, nodad=True)
        for ip in layer3.ips:
            address = parse_cidr(ip.address).ip
            self.host.add_route(f"{address.text}/{address.bits}", oif=index, scope=constants.RT_SCOPE_HOST)
        if layer3.has_ipv4:
            sysctl.ensure("net/ipv4/ip_forward", 1)
        if layer3.has_ipv6:
            sysctl.ensure("net/ipv6/conf/all/forwarding", 1)


def _subnet_requests(index: int, layer3: Addressing) -> Iterator[Request]:
    """In place of the route that the kernel made for the address: everything goes through the gateway."""
    for ip in layer3.ips:
        cidr = parse_cidr(ip.address)
        if cidr.prefix < cidr.ip.bits:
            gone = requests.route(
                cidr.network.text, oif=index, scope=constants.RT_SCOPE_NOWHERE, kind=0, protocol=0
            )
            yield f"no route {cidr.network.text}", (constants.RTM_DELROUTE, 0, gone)
    for route in config.subnet_routes(layer3):
        yield route_request(index, route)


def add(call: Call) -> Result:
    conf = config.parse(call)

    def attach(call: Call, fd: int, host: Rtnl, inside: Rtnl, held: Held, undo: Undo) -> Result:
        return PtpAttach(call, conf, fd, host, inside, held, undo).run(conf)

    return lifecycle.add(call, conf, PLUGIN, attach)


def delete(call: Call) -> None:
    lifecycle.delete(call, config.parse(call), PLUGIN)


def check(call: Call) -> None:
    conf = config.parse(call)
    prev = required_prev_result(call.conf, PLUGIN)
    fd = netns_run.open_required(call.netns)
    try:
        with Rtnl() as host, netns_run.rtnl_in(fd) as inside:
            found = list(_drift(call, prev, host, inside))
    finally:
        os.close(fd)
    if found:
        raise CniError(found[0], details="; ".join(found[1:]))
    if conf.ipam_type:
        ipam.ipam_check(call, conf.ipam_type)


def _drift(call: Call, prev: Result, host: Rtnl, inside: Rtnl) -> Iterator[str]:
    own = next((item for item in prev.interfaces if item.sandbox and item.name == call.ifname), None)
    far = next((item for item in prev.interfaces if not item.sandbox), None)
    link = inside.link(call.ifname)
    if own is None or link is None:
        yield f"container interface {call.ifname} is gone"
        return
    if own.mac and own.mac != link.mac:
        yield f"container interface {call.ifname} has MAC {link.mac} instead of {own.mac}"
    port = host.link(far.name) if far else None
    if port is None:
        yield "host interface is gone"
    elif link.peer != port.ifindex:
        yield f"host interface {port.name} is not the peer of {call.ifname}"
    present = {f"{item.ip}/{item.prefix}" for item in inside.addresses(link.ifindex)}
    layer3 = config.addressing(prev)
    for ip in layer3.ips:
        if ip.address not in present:
            yield f"{call.ifname} has lost its address {ip.address}"
    routes = {(route.dst, route.via) for route in inside.routes(table=None)}
    for wanted in (*config.subnet_routes(layer3), *kernel_routes(layer3)):
        if (wanted.dst, wanted.via) not in routes:
            yield f"route {wanted.dst} of {call.ifname} is gone"
    if port is not None:
        yield from _host_drift(layer3, port.ifindex, host)


def _host_drift(layer3: Addressing, index: int, host: Rtnl) -> Iterator[str]:
    destinations = {route.dst for route in host.routes(oif=index)}
    for ip in layer3.ips:
        address = parse_cidr(ip.address).ip
        if f"{address.text}/{address.bits}" not in destinations:
            yield f"the host's route to {address.text} is gone"


def gc(call: Call) -> None:
    lifecycle.gc(call, config.parse(call), PLUGIN)


def status(call: Call) -> None:
    conf = config.parse(call)
    if conf.ipam_type:
        ipam.ipam_status(call, conf.ipam_type)
