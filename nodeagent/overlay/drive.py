"""Keeps the overlay as the Nodes say: looks again at each change of theirs, and at the kernel's news of damage."""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from kube.client import Client
from kube.objects import NamespacedName, Node
from kube.watch import Informer
from linux.logging_kv import get_logger
from nodeagent.overlay.apply import Kernel, PacketFilter
from nodeagent.overlay.news_socket import FilterNews, RouteNews
from nodeagent.overlay.plan import (
    NOTHING,
    Place,
    Settings,
    Underlay,
    arranged,
    place_of,
    plan_overlay,
    pod_mtu_bytes,
    pod_ranges,
    unreachable,
)
from nodeagent.overlay.steps import steps

logger = get_logger("knode.overlay")
_SETTLE_S = 0.02  # a flush is many news, a node's start many changes
_RETRY_S = 0.5  # doubled each time: somebody else's route may be in the way for long
_RETRY_MAX_S = 30.0


class _News(Protocol):
    def fileno(self) -> int: ...
    def concern_us(self) -> bool: ...


class Overlay:
    """`run` until cancelled; what it made stays, so that pods keep their ways while the agent is away.

    `changed()` is called when `pod_mtu_bytes` or `ready` has changed. The file `mark` says that there is
    something to remove.
    """

    def __init__(self, client: Client, settings: Settings, mark: str, changed: Callable[[], None]) -> None:
        self._settings = settings
        self._changed = changed
        self._mark = mark
        self._nodes = Informer(client, Node, on_change=self._observe)
        self._places: dict[str, Place] = {}
        self._look = asyncio.Event()
        self._kernel = Kernel()
        self._filter = PacketFilter() if settings.masquerade else None
        self._underlay: Underlay | None = None
        self._ranges: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._told: frozenset[str] = frozenset()
        self._filter_touched = True
        self.pod_mtu_bytes = 0
        self.ready = False  # the ways to all nodes known at the start are laid
        self.mended_count = 0

    async def run(self) -> None:
        with open(self._mark, "w", encoding="ascii") as file:
            file.write(self._settings.mode)
        route_news = RouteNews()
        self._listen(route_news, self._look.set)
        if self._filter is not None:
            self._listen(FilterNews(self._filter.port_id), self._look_at_filter)
        else:
            await asyncio.to_thread(_remove_tables)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._nodes.run())
            # With a part of the Nodes the ways to the others would be taken away.
            await self._nodes.wait_synced()
            again_in_s = _RETRY_S
            while True:
                self._look.clear()
                settled = await self._reconcile(route_news)
                again_in_s = _RETRY_S if settled else min(again_in_s * 2, _RETRY_MAX_S)
                with suppress(TimeoutError):
                    async with asyncio.timeout(None if settled else again_in_s):
                        await self._look.wait()
                await asyncio.sleep(_SETTLE_S)

    def _observe(self, key: NamespacedName, _old: Node | None, new: Node | None) -> None:
        """Most changes of Nodes are of heartbeats and images: only those of ranges and addresses count."""
        place = place_of(new) if new else None
        if place == self._places.get(key.name):
            return
        if place is None:
            del self._places[key.name]
        else:
            self._places[key.name] = place
        self._look.set()

    def _listen(self, news: _News, heard: Callable[[], None]) -> None:
        asyncio.get_running_loop().add_reader(news.fileno(), lambda: heard() if news.concern_us() else None)

    def _look_at_filter(self) -> None:
        self._filter_touched = True
        self._look.set()

    async def _reconcile(self, news: RouteNews) -> bool:
        """False: something failed, to be tried again."""
        places = arranged(self._places.values(), self._settings.node_name)
        try:
            settled = await asyncio.to_thread(self._bring_about, places)
            news.underlay = self._underlay.ifindex if self._underlay else 0
            news.device = self._kernel.device()
        except OSError as error:
            logger.warning("the overlay is not as it should be", error=error)
            return False
        self._tell()
        return settled

    def _bring_about(self, places: tuple[Place, ...]) -> bool:
        self._underlay = self._kernel.underlay(self._settings)
        if self._underlay is None and self._settings.mode == "vxlan":
            raise FileNotFoundError(
                f"no link has the address {self._settings.node_ips[0]}: give one of this host's as --node-ip"
            )
        todo = steps(plan_overlay(self._settings, places, self._underlay), self._kernel.read())
        refused = self._kernel.carry_out(todo)
        if todo:
            self.mended_count += len(todo) - len(refused)
            logger.info("laid", mode=self._settings.mode, steps=len(todo), nodes=len(places))
        self._masquerade(places)
        mute = unreachable(self._settings, places, self._underlay)
        new = frozenset(
            (*map(str, refused), *(f"node {name} has no InternalIP of the tunnel's family" for name in mute))
        )
        for text in sorted(new - self._told):
            logger.warning("no way", reason=text)
        self._told = new
        return not refused

    def _masquerade(self, places: tuple[Place, ...]) -> None:
        if self._filter is None:
            return
        ranges = (places[0].ranges, pod_ranges(places))
        if ranges != self._ranges or self._filter_touched:
            self._filter_touched, self._ranges = False, None  # until it has worked
            self._filter.replace(*ranges)
            self._ranges = ranges

    def _tell(self) -> None:
        mtu_bytes = pod_mtu_bytes(self._settings.mode, self._underlay)
        if not self.ready or mtu_bytes != self.pod_mtu_bytes:
            self.ready, self.pod_mtu_bytes = True, mtu_bytes
            self._changed()

    def metrics(self) -> str:
        name = "knode_overlay_steps_total"
        return (
            f"# HELP {name} Devices, addresses, routes and entries laid or taken away.\n"
            f"# TYPE {name} counter\n"
            f'{name}{{mode="{self._settings.mode}"}} {self.mended_count}\n'
        )


def remove_leftovers(mark: str) -> None:
    """For mode none: what an agent with another mode has left in this network namespace."""
    kernel = Kernel()
    try:
        kernel.carry_out(steps(NOTHING, kernel.read()))
    finally:
        kernel.close()
    _remove_tables()
    os.unlink(mark)


def _remove_tables() -> None:
    packet_filter = PacketFilter()
    try:
        packet_filter.remove()
    finally:
        packet_filter.close()
