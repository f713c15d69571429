"""Brings a lab up: plan, keys, network, members, then wait until every Node is Ready."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from kube import certs
from kube.client import AlreadyExists, Client, Unreachable
from kube.objects import Node
from kube.watch import Informer, running
from linux import netns, process
from netns_fixtures import (
    addons,
    commands,
    lab_disk,
    members_run,
    teardown_apply,
    underlay_apply,
    uplink_apply,
)
from netns_fixtures.fabric_plan import is_ready
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import API_PORT, NODE_GRACE_S, Family, Lab, LabError, Network, Ways, plan_lab
from nodeagent.overlay.rights import RIGHTS, path_of

Say = Callable[[str], None]
BIN_DIR = str(Path(sys.prefix) / "bin")


def bring_up(
    name: str,
    *,
    node_count: int,
    family: Family,
    proxy_mode: str,
    timeout_s: float,
    say: Say,
    uplink: bool = False,
    ways: Ways = "routes",
    node_grace_s: float = NODE_GRACE_S,
    keep_on_failure: bool = False,
) -> Lab:
    """The lab with all Nodes Ready. A failed start is taken down again, after its reason was found."""
    folder = Folder(name)
    with lab_disk.planning():
        taken = underlay_apply.networks_in_use()
        lab = plan_lab(
            name,
            node_count=node_count,
            family=family,
            proxy_mode=proxy_mode,
            taken=_with_labs(taken),
            uplink=uplink,
            ways=ways,
            node_grace_s=node_grace_s,
        )
        folder.create(lab)
    try:
        _start(lab, folder, say)
        asyncio.run(_until_ready(lab, folder, timeout_s, say))
    except BaseException:
        if not keep_on_failure:
            teardown_apply.tear_down(folder)
        raise
    return lab


def _with_labs(taken: Iterable[Network]) -> list[Network]:
    """A lab that is just being made has no addresses yet, but a plan."""
    from ipaddress import ip_network

    plans = [Folder(name).read_if_there() for name in lab_disk.all_labs()]
    return [*taken, *(ip_network(subnet) for plan in plans if plan for subnet in plan.subnets)]


def _start(lab: Lab, folder: Folder, say: Say) -> None:
    say("keys and namespaces")
    certs.ensure(
        folder.core,
        advertise_address=lab.hub.addresses[0],
        secure_port=API_PORT,
        sans=lab.hub.addresses,
        nodes={node.name: node.addresses for node in lab.nodes},
    )
    underlay_apply.create_underlay(lab, folder)
    plugins = _install_plugins(lab, folder)
    if lab.uplink:
        for line in uplink_apply.create(lab, folder):
            print(f"uplink: {line}")
    folder.corefile.write_text(commands.corefile(lab, folder))
    say("API server and DNS")
    members_run.start(lab, lab.hub, commands.hub_commands(lab, folder, BIN_DIR), folder)
    for node in lab.nodes:
        say(f"node {node.name}")
        members_run.start(lab, node, commands.node_commands(lab, node, folder, BIN_DIR), folder)
    if plugins.wait() != 0:
        raise LabError(f"'kcni install --bin-dir {folder.cni_bin}' failed: see its message above")


def _install_plugins(lab: Lab, folder: Folder) -> "subprocess.Popen[bytes]":
    """Beside all else; in the hub's network, where `down` finds it should this process be killed."""
    install = [f"{BIN_DIR}/kcni", "install", "--bin-dir", str(folder.cni_bin)]
    fd = os.open(folder.netns(lab.hub), os.O_RDONLY | os.O_CLOEXEC)
    try:
        with netns.enter(fd):
            return process.spawn(install, stdout=subprocess.DEVNULL)
    finally:
        os.close(fd)


async def _until_ready(lab: Lab, folder: Folder, timeout_s: float, say: Say) -> None:
    client = Client.from_kubeconfig(str(folder.kubeconfig), user_agent="klab")
    try:
        async with asyncio.timeout(timeout_s):
            await _until_served(client, folder)
            await _create_addons(client, lab)
            await _until_nodes_ready(client, lab, say)
    except TimeoutError as error:
        raise LabError(_why_not(lab, folder, timeout_s)) from error
    finally:
        await client.close()


async def _until_served(client: Client, folder: Folder) -> None:
    while True:
        try:
            await client.raw("GET", "/readyz")
            return
        except Unreachable:
            await asyncio.sleep(0.02)
        _raise_if_hub_died(folder)


def _raise_if_hub_died(folder: Folder) -> None:
    lab = folder.read()
    if members_run.find(folder, lab.hub) is None:
        raise LabError(f"the lab's hub ended: see {folder.logs / 'hub'}")


async def _create_addons(client: Client, lab: Lab) -> None:
    for obj in addons.addons(lab):
        try:
            await client.create(obj)
        except AlreadyExists:
            continue
    if lab.ways == "vxlan":
        for right in RIGHTS:
            body = msgspec.json.encode(right)
            await client.raw("POST", path_of(right), headers={"content-type": "application/json"}, body=body)


async def _until_nodes_ready(client: Client, lab: Lab, say: Say) -> None:
    wanted = {node.name for node in lab.nodes}
    changed = asyncio.Event()
    nodes = Informer(client, Node, on_change=lambda *_: changed.set())
    async with running(nodes):
        while True:
            ready = {
                node.metadata.name for node in nodes.cache.values() if is_ready(node) and not node.spec.taints
            }
            say(f"{len(ready & wanted)} of {len(wanted)} nodes Ready")
            if ready >= wanted:
                return
            changed.clear()
            await changed.wait()


def _why_not(lab: Lab, folder: Folder, timeout_s: float) -> str:
    """The last lines of each daemon's log: mostly the reason."""
    lines = []
    for member in (lab.hub, *lab.nodes):
        for log in sorted((folder.logs / member.name).glob("*.log")):
            last = log.read_text(errors="replace").strip().splitlines()[-3:]
            lines += [f"  {member.name}/{log.stem}: {line}" for line in last]
    return (
        f"lab {lab.name!r} is not Ready after {timeout_s:g} s; the last words of its daemons:\n"
        + "\n".join(lines)
    )
