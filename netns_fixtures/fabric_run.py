"""The lab's fabric as a process in the hub: watches Nodes and Services, keeps routes and answered addresses right."""

import asyncio
import os
from types import MappingProxyType

from kube.client import Client
from kube.objects import Node, Service
from kube.watch import Informer
from linux import netns
from linux.logging_kv import get_logger
from linux.rtnl import Rtnl
from netns_fixtures.fabric_plan import Fabric, plan_fabric
from netns_fixtures.lab_disk import Folder
from netns_fixtures.topology import Lab, Member
from netns_fixtures.underlay_apply import BRIDGE, NODE_LINK

log = get_logger("klab.fabric")
_NOTHING = Fabric(MappingProxyType({}), MappingProxyType({}))


class _Place:
    """A member's network as seen through its own rtnetlink socket."""

    def __init__(self, member: Member, folder: Folder, link: str) -> None:
        self.name = member.name
        fd = os.open(folder.netns(member), os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.rtnl = netns.run_in(fd, Rtnl)
        finally:
            os.close(fd)
        found = self.rtnl.link(link)
        assert found is not None
        self.ifindex = found.ifindex


class FabricDriver:
    """Applies the difference between the last plan and the next; the first one against what the kernel has."""

    def __init__(self, lab: Lab, folder: Folder) -> None:
        self._lab = lab
        self._hub = _Place(lab.hub, folder, BRIDGE)
        self._nodes = {node.name: _Place(node, folder, NODE_LINK) for node in lab.nodes}
        self._current = _NOTHING

    def apply(self, wanted: Fabric) -> None:
        for owner, routes in wanted.routes.items():
            if routes != self._current.routes.get(owner):
                self._route(owner, wanted)
        for owner in self._current.routes.keys() - wanted.routes.keys():
            self._route(owner, wanted)
        for name, place in self._nodes.items():
            self._answer(place, wanted.answered.get(name, frozenset()))
        self._current = wanted

    def _route(self, owner: str, wanted: Fabric) -> None:
        old = set(self._current.routes.get(owner, ()))
        new = set(wanted.routes.get(owner, ()))
        # The hub stands for the world outside the nodes: its API server calls webhooks in pods.
        routed = (self._hub,) if self._lab.ways == "vxlan" else (self._hub, *self._nodes.values())
        for place in routed:
            if place.name == owner:
                continue
            for route in old - new:
                place.rtnl.delete_route(route.dst, via=route.via)
            for route in new - old:
                place.rtnl.add_route(route.dst, via=route.via, replace=True)
        log.info("routed", node=owner, ranges=",".join(route.dst for route in new))

    def _answer(self, place: _Place, wanted: frozenset[str]) -> None:
        """A node answers for an address by having it, as a host route, on its underlay link."""
        present = {
            address.ip
            for address in place.rtnl.addresses(place.ifindex)
            if address.prefix == (128 if ":" in address.ip else 32)
        }
        for ip in present - wanted:
            place.rtnl.delete_address(place.ifindex, ip, 128 if ":" in ip else 32)
        for ip in wanted - present:
            place.rtnl.add_address(place.ifindex, ip, 128 if ":" in ip else 32, nodad=":" in ip)
            log.info("answering", address=ip, node=place.name)


async def run(folder: Folder) -> None:
    """Until cancelled. Changes that come together are applied together."""
    lab = folder.read()
    # It reads Nodes and Services, as a proxy does, and writes nothing.
    client = Client.from_kubeconfig(str(folder.kubeconfig_of("kube-proxy")), user_agent="klab-fabric")
    changed = asyncio.Event()
    nodes = Informer(client, Node, on_change=lambda *_: changed.set())
    services = Informer(client, Service, on_change=lambda *_: changed.set())
    driver = FabricDriver(lab, folder)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(nodes.run())
        tasks.create_task(services.run())
        await nodes.wait_synced()
        await services.wait_synced()
        while True:
            changed.clear()
            driver.apply(plan_fabric(nodes.cache.values(), services.cache.values(), lab.load_balancer_pool))
            await changed.wait()
            await asyncio.sleep(0.01)
