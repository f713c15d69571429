"""bandwidth's verbs: a token bucket on the host's end of the veth, and one on a device that egress is led to."""

from __future__ import annotations

import os

from cni import netns_run
from cni.attachments import disk
from cni.attachments.record import start
from cni.bandwidth import config
from cni.spec.errors import CniError
from cni.spec.netconf import required_prev_result
from cni.spec.result import Interface, Result
from cni.undo import Undo
from cni.veth.lifecycle_apply import is_stale
from cni.veth.plan import alias
from linux.netlink.socket import NetlinkError
from linux.rtnl import Rtnl
from linux.tc import TokenBucket, TrafficControl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.bandwidth.config import Limits
    from cni.call import Call
    from linux.rtnl import Link

PLUGIN = "bandwidth"


def add(call: Call) -> Result:
    limits = config.parse(call)
    prev = required_prev_result(call.conf, PLUGIN)
    if limits is None or not limits.any:
        return prev
    with disk.hold(call, PLUGIN) as held, Rtnl() as host, Undo(call.world.stderr) as undo:
        undo.push("record", held.remove)
        link = _host_end(call, prev, host)
        call.world.fault("bandwidth: record")
        started = start(call, netns_inode=netns_run.inode(call.netns), boot_id=disk.boot_id(), facts={})
        held.write(started)
        device = _limit(call, limits, host, link, undo)
        call.world.fault("bandwidth: complete")
        held.write(started._replace(complete=True))
    return prev if device is None else prev._replace(interfaces=(*prev.interfaces, device))


def _limit(call: Call, limits: Limits, host: Rtnl, link: Link, undo: Undo) -> Interface | None:
    """The device that egress is led to, if there is a limit to that."""
    control = TrafficControl(host.socket)
    call.world.fault("bandwidth: ingress")
    if limits.ingress_rate:
        undo.push("remove the ingress limit", lambda: control.delete_root(link.ifindex))
        control.set_token_bucket(link.ifindex, _bucket(limits.ingress_rate, limits.ingress_burst))
    if not limits.egress_rate:
        return None
    call.world.fault("bandwidth: egress")
    name = _free_name(call, host)
    undo.push("remove the egress device", lambda: host.delete_link_named(name))
    device = _make_device(host, name, link.mtu)
    host.set_link(device.ifindex, alias=_mark(call))
    control.set_token_bucket(device.ifindex, _bucket(limits.egress_rate, limits.egress_burst))
    call.world.fault("bandwidth: redirect")
    undo.push("remove the redirection", lambda: control.delete_ingress(link.ifindex))
    control.redirect_ingress(link.ifindex, device.ifindex)
    return Interface(name, device.mac)


def _mark(call: Call) -> str:
    return alias(call.conf.name, call.container_id, call.ifname)


def _is_ours(call: Call, device: Link | None) -> bool:
    """Without alias it was never finished, or the reference plugin made it."""
    return device is not None and device.kind == "ifb" and device.alias in ("", _mark(call))


def _free_name(call: Call, host: Rtnl) -> str:
    """Another one where a second interface of the container on this network would take the first's device."""
    for name in config.ifb_names(call.conf.name, call.container_id, call.ifname):
        device = host.link(name)
        if device is None or _is_ours(call, device):
            return name
    raise CniError(f"{name} is in the way of the egress limit: remove it")


def _device_of(call: Call, host: Rtnl) -> Link | None:
    names = config.ifb_names(call.conf.name, call.container_id, call.ifname)
    return next((device for device in map(host.link, names) if _is_ours(call, device)), None)


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
    with disk.hold(call, PLUGIN) as held, Rtnl() as host:
        device = _device_of(call, host)
        if device is not None:
            host.delete_link(device.ifindex)
        held.remove()


def check(call: Call) -> None:
    limits = config.parse(call)
    prev = required_prev_result(call.conf, PLUGIN)
    if limits is None or not limits.any:
        return
    with Rtnl() as host:
        link = _host_end(call, prev, host)
        _check_bucket(host, link, limits.ingress_rate, limits.ingress_burst)
        if limits.egress_rate:
            device = _device_of(call, host)
            if device is None:
                raise CniError(f"the egress device of {call.ifname} is gone")
            _check_bucket(host, device, limits.egress_rate, limits.egress_burst)
            kinds = {item.kind for item in TrafficControl(host.socket).qdiscs(link.ifindex)}
            if "ingress" not in kinds:
                raise CniError(f"{link.name} no longer leads to {device.name}")


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
    """Devices of unlisted attachments; without a list, of those whose namespaces are gone."""
    valid = call.conf.valid_attachments
    for found in disk.records(call.world.run_dir, PLUGIN, call.conf.name):
        if is_stale(found, valid):
            delete(call._replace(container_id=found.container_id, ifname=found.ifname))
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
