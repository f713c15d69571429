"""Making a veth pair, step by step, each undone if a later one fails."""

from __future__ import annotations

import os

from cni import netns_run
from cni.attachments import disk, record
from cni.delegation import run as ipam
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError
from cni.spec.result import Result
from cni.veth import plan, sysctls
from cni.wait import poll
from linux import netns
from linux.netlink.codec import NLM_F_CREATE, NLM_F_EXCL
from linux.netlink.socket import NetlinkError
from linux.rtnl import constants, requests
from linux.rtnl.glance import glance

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from cni.attachments.disk import Held
    from cni.call import Call
    from cni.spec.result import DNS
    from cni.undo import Undo
    from cni.veth.plan import Addressing, KernelRoute, VethConf
    from linux.rtnl import Rtnl
    from linux.rtnl.glance import Glance

_NAME_TRIES = 10
_PORT_UP_TIMEOUT_S = 5.0
_DAD_TIMEOUT_S = 5.0

if TYPE_CHECKING:
    Request = tuple[str, tuple[int, int, bytes]]


class VethAttach:
    """The steps that a plugin puts in its own order; what was in their way has been cleared."""

    plugin = ""

    def __init__(
        self, call: Call, conf: VethConf, fd: int, host: Rtnl, inside: Rtnl, held: Held, undo: Undo
    ) -> None:
        self.call = call
        self.fd = fd
        self.host = host
        self.inside = inside
        self.host_name = os.uname().nodename
        self._conf = conf
        self._held = held
        self._undo = undo
        self._facts: dict[str, Any] = {}

    def undo(self, what: str, function: Callable[[], object]) -> None:
        """How to take back what comes next, should a later step fail."""
        self._undo.push(what, function)

    def step(self, name: str) -> None:
        self.call.world.fault(f"{self.plugin}: {name}")

    # --- the record

    def _write_record(self, name: str, *, complete: bool, **facts: object) -> None:
        self._facts |= {"host_ifname": name, "ipam": self._conf.ipam_type, **facts}
        started = record.start(
            self.call,
            netns_inode=netns_run.inode(self.call.netns),
            boot_id=disk.boot_id(),
            facts=self._facts,
        )
        self._held.write(started._replace(complete=complete))

    def record_intent(self, **facts: object) -> str:
        """Write down what is going to be made before any of it is; returns the host end's name."""
        self.step("record")
        name = plan.host_ifname(self._conf.network, self.call.container_id, self.call.ifname)
        self._write_record(name, complete=False, **facts)
        return name

    def record_done(self, name: str, layer3: Addressing) -> None:
        self.step("complete")
        ips = [ip.address for ip in layer3.ips]
        gateways = [gateway.text for gateway in layer3.gateways]
        self._write_record(name, complete=True, ips=ips, gateways=gateways, masquerade=self._conf.ip_masq)

    # --- addresses

    def reserve(self) -> Result:
        """IPAM's result; an empty one where the configuration names no IPAM plugin."""
        if not self._conf.ipam_type:
            return Result()
        self.step("reserve address")
        self._undo.push("release the address", lambda: ipam.ipam_delete(self.call, self._conf.ipam_type))
        found = ipam.ipam_add(self.call, self._conf.ipam_type)
        if not found.ips:
            raise CniError("IPAM plugin returned missing IP config")
        return found

    def dns(self, found: Result) -> DNS:
        """The configuration's own dns replaces IPAM's."""
        return self.call.conf.dns if self.call.conf.overrides_dns else found.dns

    # --- links

    def create_pair(self, name: str, master: int | None, mac: str | None, mtu: int | None) -> str:
        """Both ends in one request, the host's already up if it is put in a bridge; returns the name it got."""
        self.step("veth")
        call, network = self.call, self._conf.network
        for salt in range(_NAME_TRIES):
            if salt:
                name = plan.host_ifname(network, call.container_id, call.ifname, salt)
                self._write_record(name, complete=False)
            try:
                self.host.add_veth(
                    name,
                    call.ifname,
                    mac=plan.host_mac(self.host_name, network, call.container_id, call.ifname),
                    mtu=mtu,
                    master=master,
                    up=master is not None,
                    peer_netns_fd=self.fd,
                    peer_mac=mac,
                )
            except NetlinkError as error:
                if not error.exists:
                    raise CniError(f"failed to make the veth pair {name}: {error}") from error
                # Either left over from this very attachment, or another one's by a rare chance.
                if self._remove_left_over(name):
                    return self.create_pair(name, master, mac, mtu)
                continue
            self._undo_pair(name)
            return name
        raise CniError(f"no free name for the host's end of the veth pair, {name} was the last tried")

    def _undo_pair(self, name: str) -> None:
        self._undo.push("delete the veth pair", lambda: self.host.delete_link_named(name))

    def _remove_left_over(self, name: str) -> bool:
        call = self.call
        link = self.host.link(name)
        if link is None:
            raise CniError(f"container veth name provided ({call.ifname}) already exists")
        if link.alias != plan.alias(self._conf.network, call.container_id, call.ifname):
            return False
        return self.host.delete_link(link.ifindex)

    def mark_host_end(self, name: str) -> Glance:
        """The host's end, marked as this attachment's."""
        self.step("port")
        call = self.call
        port = glance(self.host.socket.fileno(), name)
        if port is None:
            raise CniError(f"{name} vanished while it was being set up: was its namespace deleted?")
        self.host.set_link(port.ifindex, alias=plan.alias(self._conf.network, call.container_id, call.ifname))
        sysctls.set_host_end(name)
        return port

    def container_end(self) -> Glance:
        call = self.call
        link = glance(self.inside.socket.fileno(), call.ifname)
        if link is None:
            raise CniError(f"{call.ifname} vanished from {call.netns} while it was being set up")
        return link

    def configure_container(self, layer3: Addressing, extra: Sequence[Request] = ()) -> Glance:
        """Settings, addresses, up, routes; extra requests go between the addresses and the routes."""
        call, conf = self.call, self._conf
        link = self.container_end()
        self.step("sysctls")
        if layer3.ips:
            with netns.enter(self.fd):
                sysctls.set_container_end(call.ifname, ipv6=layer3.has_ipv6, dad=conf.enable_dad)
        self.step("addresses")
        if not conf.leave_down:
            self._add_layer3(link.ifindex, layer3, extra)
        return link

    def _add_layer3(self, index: int, layer3: Addressing, extra: Sequence[Request]) -> None:
        """One system call for all."""
        wanted = [address_request(index, ip.address, dad=self._conf.enable_dad) for ip in layer3.ips]
        wanted.append(("up", (constants.RTM_NEWLINK, 0, requests.link_changes(index, up=True))))
        wanted += extra
        wanted += [route_request(index, route) for route in plan.kernel_routes(layer3)]
        results = self.inside.socket.batch([request for _, request in wanted])
        for (what, _), error in zip(wanted, results, strict=True):
            if error is not None:
                raise CniError(f"failed to set {what} on {self.call.ifname}: {error}") from error

    # --- the rest

    def masquerade(self, name: str, layer3: Addressing) -> None:
        if not self._conf.ip_masq or not layer3.ips:
            return
        # Which addresses: iptables chains are shared by all interfaces of a container on a network.
        self._write_record(name, complete=False, ips=[ip.address for ip in layer3.ips], masquerade=True)
        self.step("masquerade")
        from cni.masquerade import apply as masquerade

        call, network = self.call, self._conf.network
        cidrs = [parse_cidr(ip.address) for ip in layer3.ips]
        ips = [cidr.ip for cidr in cidrs]
        self._undo.push(
            "remove the masquerade rules",
            lambda: masquerade.delete(network, call.container_id, call.ifname, ips),
        )
        masquerade.add(network, call.container_id, call.ifname, cidrs, self._conf.ip_masq_backend)

    def settle(self, name: str, layer3: Addressing) -> None:
        """A bridge forwards for a port only once the kernel has seen its carrier."""
        self.step("settle")
        if self._conf.leave_down:
            return
        if not poll(lambda: self._is_up(name), _PORT_UP_TIMEOUT_S):
            raise CniError(f"host interface {name} is not up after {_PORT_UP_TIMEOUT_S:g} s")
        if self._conf.enable_dad and layer3.has_ipv6:
            self._wait_for_dad()

    def _is_up(self, name: str) -> bool:
        link = self.host.link(name)
        return link is not None and link.operstate == "up"

    def _wait_for_dad(self) -> None:
        link = self.inside.link(self.call.ifname)
        index = link.ifindex if link is not None else 0

        def settled() -> bool:
            found = self.inside.addresses(index, constants.AF_INET6)
            failed = next((a for a in found if a.dad_failed), None)
            if failed is not None:
                raise CniError(f"{failed.ip} is in use elsewhere: duplicate address detection failed")
            return not any(a.tentative for a in found)

        if not poll(settled, _DAD_TIMEOUT_S):
            raise CniError(f"IPv6 addresses of {self.call.ifname} are still tentative after 5 s")


def address_request(index: int, text: str, *, dad: bool) -> Request:
    cidr = parse_cidr(text)
    flags = 0 if dad or cidr.ip.bits == 32 else constants.IFA_F_NODAD
    broadcast = cidr.last.text if cidr.ip.bits == 32 and cidr.hosts > 1 else None
    payload = requests.address(index, cidr.ip.text, cidr.prefix, flags=flags, broadcast=broadcast)
    return f"address {text}", (constants.RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, payload)


def route_request(index: int, route: KernelRoute) -> Request:
    payload = requests.route(
        route.dst,
        via=route.via,
        oif=index,
        table=route.table,
        scope=route.scope,
        priority=route.priority,
        mtu=route.mtu,
        advmss=route.advmss,
        prefsrc=route.source,
    )
    return f"route {route.dst}", (constants.RTM_NEWROUTE, NLM_F_CREATE, payload)
