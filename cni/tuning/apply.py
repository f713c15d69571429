"""tuning's verbs. What is changed is noted in <dataDir>/<container>_<interface>.json first and put back on DEL."""

from __future__ import annotations

import os

from cni import netns_run
from cni.attachments import disk
from cni.attachments.record import start
from cni.spec import gojson
from cni.spec.errors import CniError
from cni.spec.netconf import required_prev_result
from cni.tuning import config
from cni.undo import Undo
from cni.veth.lifecycle_apply import is_stale
from linux import netns, sysctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from cni.attachments.record import Record
    from cni.call import Call
    from cni.spec.result import Result
    from cni.tuning.config import TuningConf
    from linux.rtnl import Link, Rtnl

PLUGIN = "tuning"
_ALLOWLIST = "/etc/cni/tuning/allowlist.conf"


def add(call: Call) -> Result:
    config.check_duplicates(call.stdin)
    conf = config.parse(call)
    prev = required_prev_result(call.conf, "tuning")
    _check_allowed(call, conf)
    fd = netns_run.open_required(call.netns)
    try:
        with disk.hold(call, PLUGIN) as held, netns_run.rtnl_in(fd) as rtnl, Undo(call.world.stderr) as undo:
            undo.push("record", held.remove)
            link = rtnl.link(call.ifname)
            if link is None and conf.changes_link:
                raise CniError(f"there is no interface {call.ifname} in {call.netns}")
            call.world.fault("tuning: back up")
            held.write(_record(call))
            _back_up(call, conf, link)
            undo.push("restore", lambda: _restore(call, conf.data_dir, rtnl))
            call.world.fault("tuning: sysctl")
            with netns.enter(fd):
                for key, value in conf.sysctl.items():
                    sysctl.write(key, value)
            call.world.fault("tuning: link")
            if link is not None:
                _change(rtnl, link, conf)
    finally:
        os.close(fd)
    return _with_changes(prev, call, conf)


def _check_allowed(call: Call, conf: TuningConf) -> None:
    try:
        with open(_ALLOWLIST, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return
    for key in conf.sysctl:
        generic = ".".join("IFNAME" if part == call.ifname else part for part in key.split("/"))
        if not config.allowed(generic, text):
            raise CniError(f"Sysctl {generic} is not allowed by {_ALLOWLIST}")


def _backup_path(call: Call, data_dir: str) -> str:
    return f"{data_dir}/{call.container_id}_{call.ifname}.json"


def _record(call: Call) -> Record:
    inode = netns_run.inode(call.netns)
    return start(call, netns_inode=inode, boot_id=disk.boot_id(), facts={})._replace(complete=True)


def _back_up(call: Call, conf: TuningConf, link: Link | None) -> None:
    """As the reference plugin writes it; sysctls go with the namespace."""
    before: dict[str, Any] = {}
    if link is not None:
        if conf.mac:
            before["mac"] = link.mac
        if conf.promisc:
            before["promisc"] = link.promisc
        if conf.mtu:
            before["mtu"] = link.mtu
        if conf.all_multicast is not None:
            before["allmulti"] = link.allmulti
        if conf.tx_queue_length is not None:
            before["txQLen"] = link.txqlen
    if not before:
        return
    os.makedirs(conf.data_dir, mode=0o755, exist_ok=True)
    path = _backup_path(call, conf.data_dir)
    descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, gojson.encode(before).encode())
    finally:
        os.close(descriptor)
    os.replace(f"{path}.new", path)


def _change(rtnl: Rtnl, link: Link, conf: TuningConf) -> None:
    """A MAC can be changed on a running veth; drivers that refuse get the interface down meanwhile."""
    if conf.mac and conf.mac != link.mac:
        try:
            rtnl.set_link(link.ifindex, mac=conf.mac)
        except OSError:
            rtnl.set_link(link.ifindex, up=False)
            try:
                rtnl.set_link(link.ifindex, mac=conf.mac)
            finally:
                rtnl.set_link(link.ifindex, up=link.up)
    if conf.changes_link:
        rtnl.set_link(
            link.ifindex,
            promisc=conf.promisc or None,
            mtu=conf.mtu or None,
            allmulti=conf.all_multicast,
            txqlen=conf.tx_queue_length,
        )


def _with_changes(prev: Result, call: Call, conf: TuningConf) -> Result:
    """The result names the interface's new MAC and MTU."""
    changed = tuple(
        item._replace(mac=conf.mac or item.mac, mtu=conf.mtu or item.mtu)
        if item.name == call.ifname and item.sandbox
        else item
        for item in prev.interfaces
    )
    return prev._replace(interfaces=changed)


def delete(call: Call) -> None:
    data_dir = config.data_dir(call)
    fd = netns_run.open_if_alive(call.netns)
    call.world.fault("tuning: restore")
    try:
        if fd is not None:
            with netns_run.rtnl_in(fd) as rtnl:
                _restore(call, data_dir, rtnl)
    except OSError as error:
        call.world.stderr(f"tuning: {call.ifname} could not be put back: {error}\n")
    finally:
        if fd is not None:
            os.close(fd)
    with disk.hold(call, PLUGIN) as held:
        _forget(_backup_path(call, data_dir))
        held.remove()


def _restore(call: Call, data_dir: str, rtnl: Rtnl) -> None:
    path = _backup_path(call, data_dir)
    try:
        with open(path, "rb") as file:
            before = gojson.Fields(gojson.decode(file.read()))
    except (FileNotFoundError, CniError):
        return
    link = rtnl.link(call.ifname)
    if link is not None:
        rtnl.set_link(
            link.ifindex,
            mac=before.text("mac") or None,
            promisc=before.boolean("promisc") if "promisc" in before else None,
            mtu=before.optional_integer("mtu"),
            allmulti=before.boolean("allmulti") if "allmulti" in before else None,
            txqlen=before.optional_integer("txQLen"),
        )
    _forget(path)


def _forget(path: str) -> None:
    for name in (path, f"{path}.new"):
        try:
            os.unlink(name)
        except FileNotFoundError:
            continue


def check(call: Call) -> None:
    conf = config.parse(call)
    required_prev_result(call.conf, "tuning")
    fd = netns_run.open_required(call.netns)
    try:
        with netns_run.rtnl_in(fd) as rtnl:
            link = rtnl.link(call.ifname)
        with netns.enter(fd):
            values = {key: sysctl.read(key) for key in conf.sysctl}
    finally:
        os.close(fd)
    for key, wanted in conf.sysctl.items():
        if values[key] != wanted:
            raise CniError(f"{key.replace('/', '.')} is {values[key]} instead of {wanted}")
    if conf.changes_link:
        _check_link(call, conf, link)


def _check_link(call: Call, conf: TuningConf, link: Link | None) -> None:
    if link is None:
        raise CniError(f"there is no interface {call.ifname} in {call.netns}")
    rows = (
        ("MAC", conf.mac or None, link.mac),
        ("promiscuous mode", conf.promisc or None, link.promisc),
        ("MTU", conf.mtu or None, link.mtu),
        ("all-multicast mode", conf.all_multicast, link.allmulti),
        ("transmit queue length", conf.tx_queue_length, link.txqlen),
    )
    for what, wanted, actual in rows:
        if wanted is not None and wanted != actual:
            raise CniError(f"{what} of {call.ifname} is {actual} instead of {wanted}")


def gc(call: Call) -> None:
    """Settings go with their interface; what is left to remove are the notes of unlisted attachments."""
    data_dir = config.data_dir(call)
    valid = call.conf.valid_attachments
    for found in disk.records(call.world.run_dir, PLUGIN, call.conf.name):
        if is_stale(found, valid):
            stale = call._replace(container_id=found.container_id, ifname=found.ifname)
            with disk.hold(stale, PLUGIN) as held:
                _forget(_backup_path(stale, data_dir))
                held.remove()


def status(call: Call) -> None:
    config.parse(call)
