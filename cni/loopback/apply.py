"""loopback's verbs: lo is up after ADD and down after DEL."""

from __future__ import annotations

import os

from cni import netns_run
from cni.spec.errors import CniError
from cni.spec.result import Interface, IPConfig, Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cni.call import Call
    from linux.rtnl import Link

_LO = "lo"


def add(call: Call) -> Result:
    link = _set(call.netns, up=True)
    prev = call.conf.prev_result
    if prev is not None:
        return prev
    ips = [IPConfig(address, interface=0) for address in link[1]]
    return Result(interfaces=(Interface(_LO, mac=link[0].mac, sandbox=call.netns),), ips=tuple(ips))


def delete(call: Call) -> None:
    if netns_run.inode(call.netns):
        try:
            _set(call.netns, up=False)
        except CniError:
            return  # the namespace went, and lo with it


def check(call: Call) -> None:
    fd = netns_run.open_required(call.netns)
    try:
        with netns_run.rtnl_in(fd) as rtnl:
            link = rtnl.link(_LO)
    finally:
        os.close(fd)
    if link is None or not link.up:
        raise CniError(f"lo in {call.netns} is down: run ADD again or bring it up")


def gc(call: Call) -> None:
    """Nothing outlives the container's namespace."""


def status(call: Call) -> None:
    """Always ready."""


def _set(path: str, *, up: bool) -> tuple[Link, tuple[str, ...]]:
    """The link and its addresses, afterwards."""
    fd = netns_run.open_required(path)
    try:
        with netns_run.rtnl_in(fd) as rtnl:
            link = rtnl.link(_LO)
            if link is None:
                raise CniError(f"there is no lo in {path}")
            rtnl.set_link(link.ifindex, up=up)
            found = rtnl.addresses(link.ifindex) if up else []
            return link, tuple(f"{a.ip}/{a.prefix}" for a in found)
    finally:
        os.close(fd)
