"""What all controllers share: one mirror a kind, the writer, the options, clocks and chance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from random import Random
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

from kube.client import Client
from kube.controllers.apply import Writer
from kube.controllers.mirror import Mirror
from kube.controllers.options import ControllerOptions
from kube.events import Recorder
from kube.objects import Object, Resource
from kube.watch import Informer, WorkQueue

T = TypeVar("T", bound=Object)

_CONFIRM_WITHIN_S = 30.0


class Controller(Protocol):
    """One control loop: its queue is filled by what it subscribed to, `reconcile` is called a key at a time."""

    name: str
    queue: WorkQueue[Any]

    async def reconcile(self, key: Any) -> None:
        """Make one thing as declared; raises ApiError to be called again after a while."""


@runtime_checkable
class Background(Protocol):
    """A controller that also has something to do by itself."""

    async def run(self) -> None:
        """Until cancelled."""


class Context:
    """`wall_clock` gives Unix seconds; waiting is in loop time."""

    def __init__(
        self, client: Client, options: ControllerOptions, *, wall_clock: Callable[[], float], rng: Random
    ) -> None:
        self.client = client
        self.options = options
        self.wall_clock = wall_clock
        self.rng = rng
        self.recorder = Recorder(client, "kube-controller-manager", wall_clock=wall_clock)
        self._mirrors: dict[type[Object], Mirror[Any]] = {}
        self._informers: dict[type[Object], Informer[Any]] = {}
        self.write = Writer(client, self._mirrors.get)

    def tell(self, who: str, about: Object, type_: str, reason: str, message: str) -> None:
        """Record an event in the name of a controller."""
        self.recorder.event(about, type_, reason, message, component=who)

    def mirror(self, cls: type[T]) -> Mirror[T]:
        """Shared; made at the first request."""
        mirror = self._mirrors.get(cls)
        if mirror is None:
            mirror = self._mirrors[cls] = Mirror(cls)
            self._informers[cls] = Informer(self.client, cls, on_change=mirror.on_watch, rng=self.rng)
        return cast("Mirror[T]", mirror)

    def known_mirror(self, resource: Resource) -> Mirror[Any] | None:
        """The mirror that somebody keeps of a resource, whatever its version."""
        for cls, mirror in self._mirrors.items():
            if (cls.resource.group, cls.resource.plural) == (resource.group, resource.plural):
                return mirror
        return None

    def informers(self) -> Iterable[Informer[Any]]:
        return tuple(self._informers.values())

    @staticmethod
    def now() -> float:
        """Loop time."""
        return asyncio.get_running_loop().time()

    async def confirm(self) -> None:
        """Until cancelled: forget own writes that the watch never showed."""
        while True:
            await asyncio.sleep(_CONFIRM_WITHIN_S)
            for cls, mirror in self._mirrors.items():
                mirror.drop_unconfirmed(self._informers[cls].cache, self.now() - _CONFIRM_WITHIN_S)
