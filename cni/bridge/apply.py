"""bridge's verbs."""

from __future__ import annotations

import os

from cni import netns_run
from cni.bridge import config
from cni.delegation import run as ipam
from cni.spec.errors import CniError
from cni.veth import lifecycle_apply as lifecycle
from linux.rtnl import Rtnl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.attachments.disk import Held
    from cni.call import Call
    from cni.spec.result import Result
    from cni.undo import Undo

PLUGIN = "bridge"


def add(call: Call) -> Result:
    conf = config.parse(call.conf, call.args)
    config.check(conf)

    def attach(call: Call, fd: int, host: Rtnl, inside: Rtnl, held: Held, undo: Undo) -> Result:
        from cni.bridge.attach_apply import BridgeAttach

        return BridgeAttach(call, conf, fd, host, inside, held, undo).run(conf)

    return lifecycle.add(call, conf, PLUGIN, attach)


def delete(call: Call) -> None:
    lifecycle.delete(call, config.parse(call.conf, call.args), PLUGIN)


def check(call: Call) -> None:
    from cni.bridge import drift

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
    if conf.mac_spoof_check:
        from cni.bridge import spoofcheck_apply

        if not spoofcheck_apply.is_present(call.container_id, call.ifname):
            found.append(f"the MAC check of {call.ifname} is gone")
    if found:
        raise CniError(found[0], details="; ".join(found[1:]))
    if conf.ipam_type:
        ipam.ipam_check(call, conf.ipam_type)


def gc(call: Call) -> None:
    lifecycle.gc(call, config.parse(call.conf, call.args), PLUGIN)


def status(call: Call) -> None:
    from cni.bridge import drift

    conf = config.parse(call.conf, call.args)
    config.check(conf)
    with Rtnl() as host:
        drift.check_ready(conf, host)
    if conf.ipam_type:
        ipam.ipam_status(call, conf.ipam_type)
