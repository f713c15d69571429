"""The verbs of plugins that make veth pairs, around what each does itself: ADD's frame, DEL, GC."""

from __future__ import annotations

import os

from cni import netns_run
from cni.attachments import disk
from cni.delegation import run as ipam
from cni.spec.addresses import parse_cidr
from cni.spec.errors import CniError
from cni.spec.netconf import Attachment
from cni.undo import Undo
from cni.veth import plan
from linux.rtnl import Rtnl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from cni.attachments.disk import Held
    from cni.attachments.record import Record
    from cni.call import Call
    from cni.spec.result import Result
    from cni.veth.plan import VethConf

    Attach = Callable[[Call, int, Rtnl, Rtnl, Held, Undo], Result]


def add(call: Call, conf: VethConf, plugin: str, attach: Attach) -> Result:
    """Clear what a dead ADD left, then attach; all of it or nothing."""
    fd = netns_run.open_required(call.netns)
    try:
        with disk.hold(call, plugin) as held, Rtnl() as host, netns_run.rtnl_in(fd) as inside:
            _clear_what_died(call, conf, plugin, held, host)
            if inside.link(call.ifname) is not None:
                raise CniError(f"container veth name provided ({call.ifname}) already exists")
            with Undo(call.world.stderr) as undo:
                undo.push("record", held.remove)
                return attach(call, fd, host, inside, held, undo)
    finally:
        os.close(fd)


def _clear_what_died(call: Call, conf: VethConf, plugin: str, held: Held, host: Rtnl) -> None:
    """Take back what an ADD that was killed, or an attachment whose namespace is gone, has left."""
    found = held.found
    if found is not None and found.complete and is_alive(found):
        return
    if found is not None or not held.fresh:
        _detach(call, conf, plugin, found, host)


def is_alive(found: Record) -> bool:
    """Does the namespace of this attachment still exist?"""
    return found.boot_id == disk.boot_id() and netns_run.inode(found.netns) == found.netns_inode


def delete(call: Call, conf: VethConf, plugin: str) -> None:
    with disk.hold(call, plugin) as held, Rtnl() as host:
        _detach(call, conf, plugin, held.found, host)
        held.remove()


def _detach(call: Call, conf: VethConf, plugin: str, found: Record | None, host: Rtnl) -> None:
    """Remove everything of an attachment by what the record says, or by what it would be without one.

    The address goes last: while it is reserved nobody else can be given it.
    """
    call.world.fault(f"{plugin}: delete link")
    delete_host_end(host, call, None if found is None else found.facts.get("host_ifname"))
    if found is None:
        _delete_container_end(call)
    call.world.fault(f"{plugin}: delete rules")
    if conf.ip_masq or (found is not None and found.facts.get("masquerade")):
        from cni.masquerade import apply as masquerade

        known = () if found is None else found.facts.get("ips", ())
        ips = [parse_cidr(text).ip for text in known]
        masquerade.delete(conf.network, call.container_id, call.ifname, ips)
    if call.conf.fields.boolean("macspoofchk"):
        from cni.bridge import spoofcheck_apply

        spoofcheck_apply.delete(call.container_id, call.ifname)
    call.world.fault(f"{plugin}: release address")
    if conf.ipam_type:
        ipam.ipam_delete(call, conf.ipam_type)


def delete_host_end(host: Rtnl, call: Call, recorded: str | None) -> None:
    """Delete the pair by its host end: works whether or not the container's namespace still exists."""
    name = recorded or plan.host_ifname(call.conf.name, call.container_id, call.ifname)
    link = host.link(name)
    if link is None or link.kind != "veth":
        return
    # Without alias it was never finished; with another one its name is ours by a rare chance only.
    if link.alias in ("", plan.alias(call.conf.name, call.container_id, call.ifname)):
        from cni.veth import removal_apply

        removal_apply.delete_link(host, link.ifindex)


def _delete_container_end(call: Call) -> None:
    """For attachments that the reference plugins made: their host ends have random names."""
    fd = netns_run.open_if_alive(call.netns)
    if fd is None:
        return
    try:
        with netns_run.rtnl_in(fd) as inside:
            link = inside.link(call.ifname)
            if link is not None and link.kind == "veth":
                inside.delete_link(link.ifindex)
    finally:
        os.close(fd)


def gc(call: Call, conf: VethConf, plugin: str) -> None:
    """Remove all attachments of the network that are not listed; without a list, those that are dead.

    Goes on after errors, and fails with the first of them.
    """
    valid = call.conf.valid_attachments
    errors: list[str] = []
    with Rtnl() as host:
        for found in disk.records(call.world.run_dir, plugin, conf.network):
            if is_stale(found, valid):
                errors += _collect(call, conf, plugin, found, host)
        if valid is not None:
            errors += _delete_unrecorded(conf, valid, host)
    if conf.ipam_type:
        try:
            ipam.ipam_gc(call, conf.ipam_type)
        except CniError as error:
            errors.append(error.msg)
    if errors:
        raise CniError(errors[0], details="; ".join(errors[1:]))


def is_stale(found: Record, valid: frozenset[Attachment] | None) -> bool:
    if valid is None:
        return not is_alive(found)
    return Attachment(found.container_id, found.ifname) not in valid


def _collect(call: Call, conf: VethConf, plugin: str, found: Record, host: Rtnl) -> list[str]:
    stale = call._replace(container_id=found.container_id, ifname=found.ifname, netns=found.netns, args="")
    try:
        with disk.hold(stale, plugin) as held:
            _detach(stale, conf, plugin, held.found, host)
            held.remove()
    except (CniError, OSError) as error:
        return [f"{found.container_id} {found.ifname}: {error}"]
    return []


def _delete_unrecorded(conf: VethConf, valid: frozenset[Attachment], host: Rtnl) -> list[str]:
    """Host ends that carry our mark for this network but have neither a record nor a place in the list."""
    kept = {plan.alias(conf.network, item.container_id, item.ifname) for item in valid}
    mark = plan.alias(conf.network, "", "").rstrip() + " "
    errors = []
    for link in host.links(kind="veth"):
        if link.alias.startswith(mark) and link.alias not in kept:
            try:
                host.delete_link(link.ifindex)
            except OSError as error:
                errors.append(f"{link.name}: {error}")
    return errors
