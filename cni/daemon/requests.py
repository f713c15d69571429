"""Calls made again from what an attachment's record says, pure."""

from __future__ import annotations

from cni.attachments.record import Record
from cni.call import Call, World
from cni.daemon.wire import Request
from cni.spec import netconf


def delete_request(found: Record, bin_dir_plugin: str) -> Request:
    """The DEL that the runtime owes for this attachment."""
    env = {
        "CNI_COMMAND": "DEL",
        "CNI_CONTAINERID": found.container_id,
        "CNI_NETNS": "",
        "CNI_IFNAME": found.ifname,
        "CNI_ARGS": found.request["CNI_ARGS"],
        "CNI_PATH": found.request["CNI_PATH"],
    }
    return Request(bin_dir_plugin, env, found.request["stdin"].encode())


def call_of(found: Record, world: World) -> Call:
    """The ADD that made this attachment, for repeating its idempotent parts."""
    stdin = found.request["stdin"].encode()
    return Call(
        command="ADD",
        container_id=found.container_id,
        netns=found.netns,
        ifname=found.ifname,
        args=found.request["CNI_ARGS"],
        path=found.request["CNI_PATH"],
        env={},
        stdin=stdin,
        conf=netconf.parse(netconf.decode(stdin)),
        world=world,
    )
