"""The steps of ADD, each undone if a later one fails."""

from __future__ import annotations

import os

from cni import netns_run
from cni.attachments import disk, record
from cni.bridge import plan
from cni.bridge.attach import sysctls
from cni.bridge.gateway.apply import ensure_bridge, ensure_gateways
from cni.delegation import run as ipam
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError
from cni.spec.result import Interface, Result
from cni.wait import poll
from linux import netns
from linux.netlink.codec import NLM_F_CREATE, NLM_F_EXCL
from linux.netlink.socket import NetlinkError
from linux.rtnl import constants, requests

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.attachments.disk import Held
    from cni.bridge.config import BridgeConf
    from cni.bridge.plan import Addressing
    from cni.call import Call
    from cni.undo import Undo
    from linux.rtnl import Link, Rtnl

_NAME_TRIES = 10
_PORT_UP_TIMEOUT_S = 5.0
_DAD_TIMEOUT_S = 5.0


class Attach:
    """ADD, once what may be in its way has been cleared."""

    def __init__(
        self, call: Call, conf: BridgeConf, fd: int, host: Rtnl, inside: Rtnl, held: Held, undo: Undo
    ) -> None:
        self._call = call
        self._conf = conf
        self._fd = fd
        self._host = host
        self._inside = inside
        self._held = held
        self._undo = undo
        self._host_name = os.uname().nodename

    def run(self) -> Result:
        call, conf = self._call, self._conf
        name = self._record()
        ipam_result = self._reserve()
        layer3 = plan.addressing(conf, ipam_result)
        self._step("bridge")
        mtu, bridge = ensure_bridge(self._host, conf, self._host_name, layer3.gateways)
        self._step("gateway")
        ensure_gateways(self._host, conf, self._host_name, bridge, layer3)
        mac = plan.container_mac(conf, layer3.ips)
        name = self._create_veth(name, bridge, mac, mtu)
        port = self._configure_port(name)
        container = self._configure_container(layer3)
        self._masquerade(layer3)
        self._settle(name, layer3)
        self._step("complete")
        bridge = self._host.link_by_index(bridge.ifindex) or bridge
        self._complete(name, layer3)
        dns = call.conf.dns if call.conf.dns != Result().dns else ipam_result.dns
        interfaces = (
            Interface(bridge.name, bridge.mac, mtu=bridge.mtu),
            Interface(name, port.mac, mtu=port.mtu),
            Interface(call.ifname, container.mac, call.netns, mtu=container.mtu),
        )
        return Result(interfaces, layer3.ips, layer3.routes, dns)

    def _step(self, name: str) -> None:
        self._call.world.fault(f"bridge: {name}")

    # --- the record

    def _start_record(self, name: str) -> record.Record:
        return record.start(
            self._call,
            netns_inode=netns_run.inode(self._call.netns),
            boot_id=disk.boot_id(),
            facts={"host_ifname": name, "bridge": self._conf.bridge, "ipam": self._conf.ipam_type},
        )

    def _record(self) -> str:
        """Write down what is going to be made before any of it is; returns the host end's name."""
        self._step("record")
        call = self._call
        name = plan.host_ifname(self._conf.network, call.container_id, call.ifname)
        self._held.write(self._start_record(name))
        return name

    def _complete(self, name: str, layer3: Addressing) -> None:
        done = self._start_record(name)
        facts = done.facts | {"ips": [ip.address for ip in layer3.ips], "masquerade": self._conf.ip_masq}
        self._held.write(done._replace(complete=True, facts=facts))

    # --- addresses

    def _reserve(self) -> Result:
        if not self._conf.ipam_type:
            return Result()
        self._step("reserve address")
        self._undo.push("release the address", lambda: ipam.ipam_delete(self._call, self._conf.ipam_type))
        found = ipam.ipam_add(self._call, self._conf.ipam_type)
        if not found.ips:
            raise CniError("IPAM plugin returned missing IP config")
        return found

    # --- links

    def _create_veth(self, name: str, bridge: Link, mac: str | None, mtu: int | None) -> str:
        """Both ends, the host's already up and in the bridge, in one request; returns the name it got."""
        self._step("veth")
        call, network = self._call, self._conf.network
        for salt in range(_NAME_TRIES):
            if salt:
                name = plan.host_ifname(network, call.container_id, call.ifname, salt)
                self._held.write(self._start_record(name))
            try:
                self._host.add_veth(
                    name,
                    call.ifname,
                    mac=plan.host_mac(self._host_name, network, call.container_id, call.ifname),
                    mtu=mtu,
                    master=bridge.ifindex,
                    up=True,
                    peer_netns_fd=self._fd,
                    peer_mac=mac,
                )
            except NetlinkError as error:
                if not error.exists:
                    raise CniError(f"failed to make the veth pair {name}: {error}") from error
                # Either left over from this very attachment, or another one's by a rare chance.
                if self._remove_left_over(name):
                    return self._create_veth(name, bridge, mac, mtu)
                continue
            self._undo_veth(name)
            return name
        raise CniError(f"no free name for the host's end of the veth pair, {name} was the last tried")

    def _undo_veth(self, name: str) -> None:
        self._undo.push("delete the veth pair", lambda: self._host.delete_link_named(name))

    def _remove_left_over(self, name: str) -> bool:
        call = self._call
        link = self._host.link(name)
        if link is None:
            raise CniError(f"container veth name provided ({call.ifname}) already exists")
        if link.alias != plan.alias(self._conf.network, call.container_id, call.ifname):
            return False
        return self._host.delete_link(link.ifindex)

    def _configure_port(self, name: str) -> Link:
        self._step("port")
        conf, call = self._conf, self._call
        port = self._host.link(name)
        if port is None:
            raise CniError(f"{name} vanished while it was being set up: was its namespace deleted?")
        self._host.set_link(port.ifindex, alias=plan.alias(conf.network, call.container_id, call.ifname))
        if conf.hairpin or conf.isolated:
            self._host.set_bridge_port(
                port.ifindex, hairpin=conf.hairpin or None, isolated=conf.isolated or None
            )
        sysctls.set_host_end(name)
        if conf.vlan or conf.trunk:
            from cni.bridge.vlan.apply import configure_port

            configure_port(self._host, conf, port)
        return port

    def _configure_container(self, layer3: Addressing) -> Link:
        call, conf = self._call, self._conf
        link = self._inside.link(call.ifname)
        if link is None:
            raise CniError(f"{call.ifname} vanished from {call.netns} while it was being set up")
        self._step("sysctls")
        if layer3.ips:
            with netns.enter(self._fd):
                sysctls.set_container_end(call.ifname, ipv6=layer3.has_ipv6, dad=conf.enable_dad)
        self._step("addresses")
        if not conf.leave_down:
            self._add_layer3(link.ifindex, layer3)
        self._step("mac")
        return self._inside.link_by_index(link.ifindex) or link

    def _add_layer3(self, index: int, layer3: Addressing) -> None:
        """Addresses, link up, routes: one system call for all."""
        wanted: list[tuple[str, tuple[int, int, bytes]]] = []
        new = NLM_F_CREATE | NLM_F_EXCL
        for ip in layer3.ips:
            cidr = parse_cidr(ip.address)
            flags = 0 if self._conf.enable_dad or cidr.ip.bits == 32 else constants.IFA_F_NODAD
            broadcast = cidr.last.text if cidr.ip.bits == 32 and cidr.hosts > 1 else None
            payload = requests.address(index, cidr.ip.text, cidr.prefix, flags=flags, broadcast=broadcast)
            wanted.append((f"address {ip.address}", (constants.RTM_NEWADDR, new, payload)))
        wanted.append(("up", (constants.RTM_NEWLINK, 0, requests.link_changes(index, up=True))))
        for route in plan.kernel_routes(layer3):
            payload = requests.route(
                route.dst,
                via=route.via,
                oif=index,
                table=route.table,
                scope=route.scope,
                priority=route.priority,
                mtu=route.mtu,
                advmss=route.advmss,
            )
            wanted.append((f"route {route.dst}", (constants.RTM_NEWROUTE, NLM_F_CREATE, payload)))
        results = self._inside.socket.batch([request for _, request in wanted])
        for (what, _), error in zip(wanted, results, strict=True):
            if error is not None:
                raise CniError(f"failed to set {what} on {self._call.ifname}: {error}") from error

    # --- the rest

    def _masquerade(self, layer3: Addressing) -> None:
        if not self._conf.ip_masq or not layer3.ips:
            return
        self._step("masquerade")
        from cni.masquerade import apply as masquerade

        call, network = self._call, self._conf.network
        self._undo.push(
            "remove the masquerade rules",
            lambda: masquerade.delete(network, call.container_id, call.ifname, wanted=True),
        )
        cidrs = [parse_cidr(ip.address) for ip in layer3.ips]
        masquerade.add(network, call.container_id, call.ifname, cidrs, self._conf.ip_masq_backend)

    def _settle(self, name: str, layer3: Addressing) -> None:
        """The bridge forwards for the port only once the kernel has seen its carrier."""
        self._step("settle")
        if self._conf.leave_down:
            return
        if not poll(lambda: self._is_forwarding(name), _PORT_UP_TIMEOUT_S):
            raise CniError(f"bridge port {name} is not up after {_PORT_UP_TIMEOUT_S:g} s")
        if self._conf.enable_dad and layer3.has_ipv6:
            self._wait_for_dad()

    def _is_forwarding(self, name: str) -> bool:
        link = self._host.link(name)
        return link is not None and link.operstate == "up"

    def _wait_for_dad(self) -> None:
        link = self._inside.link(self._call.ifname)
        index = link.ifindex if link is not None else 0

        def settled() -> bool:
            found = self._inside.addresses(index, constants.AF_INET6)
            failed = next((a for a in found if a.dad_failed), None)
            if failed is not None:
                raise CniError(f"{failed.ip} is in use elsewhere: duplicate address detection failed")
            return not any(a.tentative for a in found)

        if not poll(settled, _DAD_TIMEOUT_S):
            raise CniError(f"IPv6 addresses of {self._call.ifname} are still tentative after 5 s")


def delete_host_end(host: Rtnl, call: Call, recorded: str | None) -> None:
    """Delete the pair by its host end: works whether or not the container's namespace still exists."""
    name = recorded or plan.host_ifname(call.conf.name, call.container_id, call.ifname)
    link = host.link(name)
    if link is None or link.kind != "veth":
        return
    # Without alias it was never finished; with another one its name is ours by a rare chance only.
    if link.alias in ("", plan.alias(call.conf.name, call.container_id, call.ifname)):
        host.delete_link(link.ifindex)
