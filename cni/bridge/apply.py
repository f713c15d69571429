"""bridge's verbs."""

from __future__ import annotations

import os

from cni import netns_run
from cni.attachments import disk
from cni.bridge import config, drift, plan
from cni.bridge.attach.apply import Attach, delete_host_end
from cni.delegation import run as ipam
from cni.spec.errors import CniError
from cni.spec.netconf import Attachment
from cni.undo import Undo
from linux.rtnl import Rtnl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.attachments.disk import Held
    from cni.attachments.record import Record
    from cni.bridge.config import BridgeConf
    from cni.call import Call
    from cni.spec.result import Result

PLUGIN = "bridge"


def add(call: Call) -> Result:
    conf = config.parse(call.conf, call.args)
    fd = netns_run.open_required(call.netns)
    try:
        with disk.hold(call, PLUGIN) as held, Rtnl() as host, netns_run.rtnl_in(fd) as inside:
            _clear_what_died(call, conf, held, host)
            if inside.link(call.ifname) is not None:
                raise CniError(f"container veth name provided ({call.ifname}) already exists")
            with Undo(call.world.stderr) as undo:
                undo.push("record", held.remove)
                return Attach(call, conf, fd, host, inside, held, undo).run()
    finally:
        os.close(fd)


def _clear_what_died(call: Call, conf: BridgeConf, held: Held, host: Rtnl) -> None:
    """Take back what an ADD that was killed, or an attachment whose namespace is gone, has left."""
    found = held.found
    if found is not None and found.complete and _alive(found):
        return
    if found is not None or not held.fresh:
        _detach(call, conf, found, host)


def _alive(found: Record) -> bool:
    return found.boot_id == disk.boot_id() and netns_run.inode(found.netns) == found.netns_inode


def delete(call: Call) -> None:
    conf = config.parse(call.conf, call.args)
    with disk.hold(call, PLUGIN) as held, Rtnl() as host:
        _detach(call, conf, held.found, host)
        held.remove()


def _detach(call: Call, conf: BridgeConf, found: Record | None, host: Rtnl) -> None:
    """Remove everything of an attachment by what the record says, or by what it would be without one.

    The address goes last: while it is reserved nobody else can be given it.
    """
    call.world.fault("bridge: delete link")
    name = None if found is None else found.facts.get("host_ifname")
    delete_host_end(host, call, name)
    if found is None:
        _delete_container_end(call)
    call.world.fault("bridge: delete rules")
    from cni.masquerade import apply as masquerade

    masquerade.delete(conf.network, call.container_id, call.ifname, wanted=conf.ip_masq)
    call.world.fault("bridge: release address")
    if conf.ipam_type:
        ipam.ipam_delete(call, conf.ipam_type)


def _delete_container_end(call: Call) -> None:
    """For attachments that the reference plugin made: their host ends have random names."""
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


def check(call: Call) -> None:
    conf = config.parse(call.conf, call.args)
    prev = call.conf.prev_result
    if prev is None:
        raise CniError("required prevResult missing: CHECK needs the result of ADD")
    fd = netns_run.open_required(call.netns)
    try:
        with Rtnl() as host, netns_run.rtnl_in(fd) as inside:
            found = drift.find(conf, prev, drift.observe(call.ifname, conf, prev, host, inside))
    finally:
        os.close(fd)
    if found:
        raise CniError(found[0], details="; ".join(found[1:]))
    if conf.ipam_type:
        ipam.ipam_check(call, conf.ipam_type)


def gc(call: Call) -> None:
    """Remove all attachments of the network that are not listed; without a list, those that are dead.

    Goes on after errors, and fails with the first of them.
    """
    conf = config.parse(call.conf, call.args)
    valid = call.conf.valid_attachments
    errors: list[str] = []
    with Rtnl() as host:
        for found in disk.records(call.world.run_dir, PLUGIN, conf.network):
            if _is_stale(found, valid):
                errors += _collect(call, conf, found, host)
        if valid is not None:
            errors += _delete_unrecorded(call, conf, valid, host)
    if conf.ipam_type:
        try:
            ipam.ipam_gc(call, conf.ipam_type)
        except CniError as error:
            errors.append(error.msg)
    if errors:
        raise CniError(errors[0], details="; ".join(errors[1:]))


def _is_stale(found: Record, valid: frozenset[Attachment] | None) -> bool:
    if valid is None:
        return not _alive(found)
    return Attachment(found.container_id, found.ifname) not in valid


def _collect(call: Call, conf: BridgeConf, found: Record, host: Rtnl) -> list[str]:
    stale = call._replace(container_id=found.container_id, ifname=found.ifname, netns=found.netns, args="")
    try:
        with disk.hold(stale, PLUGIN) as held:
            _detach(stale, conf, held.found, host)
            held.remove()
    except (CniError, OSError) as error:
        return [f"{found.container_id} {found.ifname}: {error}"]
    return []


def _delete_unrecorded(call: Call, conf: BridgeConf, valid: frozenset[Attachment], host: Rtnl) -> list[str]:
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


def status(call: Call) -> None:
    conf = config.parse(call.conf, call.args)
    with Rtnl() as host:
        drift.check_ready(conf, host)
    if conf.ipam_type:
        ipam.ipam_status(call, conf.ipam_type)
