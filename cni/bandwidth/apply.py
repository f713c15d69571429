"""bandwidth's verbs: a token bucket on the host's end of the veth, and one on a device that egress is led to."""

from __future__ import annotations

import os

from cni import netns_run
from cni.bandwidth import config
from cni.spec.errors import CniError
from cni.spec.netconf import required_prev_result
from cni.spec.result import Interface, Result
from cni.undo import Undo
from cni.veth.plan import alias
from linux.netlink.socket import NetlinkError
from linux.rtnl import Rtnl
from linux.tc import TokenBucket, TrafficControl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.call import Call
    from linux.rtnl import Link


def add(call: Call) -> Result:
    limits = config.parse(call)
    prev = required_prev_result(call.conf, "bandwidth")
    if limits is None or not limits.any:
        return prev
    with Rtnl() as host, Undo(call.world.stderr) as undo:
        link = _host_end(call, prev, host)
        control = TrafficControl(host.socket)
        call.world.fault("bandwidth: ingress")
        if limits.ingress_rate:
            undo.push("remove the ingress limit", lambda: control.delete_root(link.ifindex))
            control.set_token_bucket(link.ifindex, _bucket(limits.ingress_rate, limits.ingress_burst))
        if not limits.egress_rate:
            return prev
        call.world.fault("bandwidth: egress")
        name = config.ifb_name(call.conf.name, call.container_id)
        undo.push("remove the egress device", lambda: host.delete_link_named(name))
        device = _make_device(host, name, link.mtu)
        mark = alias(call.conf.name, call.container_id, call.ifname)
        host.set_link(device.ifindex, alias=mark)
        control.set_token_bucket(device.ifindex, _bucket(limits.egress_rate, limits.egress_burst))
        call.world.fault("bandwidth: redirect")
        undo.push("remove the redirection", lambda: control.delete_ingress(link.ifindex))
        control.redirect_ingress(link.ifindex, device.ifindex)
    return prev._replace(interfaces=(*prev.interfaces, Interface(name, device.mac)))


def _bucket(rate: int, burst: int) -> TokenBucket:
    return TokenBucket.of(rate, burst, config.LATENCY_US)


def _host_end(call: Call, prev: Result, host: Rtnl) -> Link:
    """The peer of the container's interface, wherever it stands in the result."""
    fd = netns_run.open_required(call.netns)
    try:
        with netns_run.rtnl_in(fd) as inside:
            own = inside.link(call.ifname)
    finally:
        os.close(fd)
    if own is None:
        raise CniError(f"there is no interface {call.ifname} in {call.netns}")
    for item in config.host_interface_candidates(prev):
        link = host.link(item.name)
        if link is not None and link.kind == "veth" and link.ifindex == own.peer:
            return link
    raise CniError(
        "no interface of the previous result is the host's end of the container's: chain after bridge or ptp"
    )


def _make_device(host: Rtnl, name: str, mtu: int) -> Link:
    """An ifb; one that a dead ADD has left is made anew."""
    host.delete_link_named(name)
    try:
        host.add_link("ifb", name, mtu=mtu)
    except NetlinkError as error:
        raise CniError(f"failed to create ifb device {name}: {error}: is CONFIG_IFB there?") from error
    link = host.link(name)
    if link is None:
        raise CniError(f"ifb device {name} vanished while it was being set up")
    host.set_link(link.ifindex, up=True)
    return link


def delete(call: Call) -> None:
    """The bucket on the veth goes with it; the ifb device has to be removed, namespace or not."""
    call.world.fault("bandwidth: delete device")
    with Rtnl() as host:
        host.delete_link_named(config.ifb_name(call.conf.name, call.container_id))


def check(call: Call) -> None:
    limits = config.parse(call)
    prev = required_prev_result(call.conf, "bandwidth")
    if limits is None or not limits.any:
        return
    with Rtnl() as host:
        link = _host_end(call, prev, host)
        _check_bucket(host, link, limits.ingress_rate, limits.ingress_burst)
        if limits.egress_rate:
            name = config.ifb_name(call.conf.name, call.container_id)
            device = host.link(name)
            if device is None:
                raise CniError(f"egress device {name} is gone")
            _check_bucket(host, device, limits.egress_rate, limits.egress_burst)
            kinds = {item.kind for item in TrafficControl(host.socket).qdiscs(link.ifindex)}
            if "ingress" not in kinds:
                raise CniError(f"{link.name} no longer leads to {name}")


def _check_bucket(host: Rtnl, link: Link, rate: int, burst: int) -> None:
    if not rate:
        return
    buckets = [item.bucket for item in TrafficControl(host.socket).qdiscs(link.ifindex) if item.bucket]
    wanted = _bucket(rate, burst)
    if not buckets:
        raise CniError(f"{link.name} has no limit any more")
    if buckets[0].rate_bytes != wanted.rate_bytes:
        raise CniError(
            f"{link.name} is limited to {buckets[0].rate_bytes * 8} instead of {rate} bits per second"
        )


def gc(call: Call) -> None:
    """Devices that are marked as this network's and belong to no listed attachment."""
    valid = call.conf.valid_attachments
    if valid is None:
        return
    kept = {alias(call.conf.name, item.container_id, item.ifname) for item in valid}
    mark = alias(call.conf.name, "", "").rstrip() + " "
    with Rtnl() as host:
        for link in host.links(kind="ifb"):
            if link.alias.startswith(mark) and link.alias not in kept:
                host.delete_link(link.ifindex)


def status(call: Call) -> None:
    config.parse(call)
