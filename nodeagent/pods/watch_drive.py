"""Noticing at once that a ConfigMap or Secret of a running pod has changed: one watch an object, shared by its pods."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

from kube.client import Client
from kube.objects import ConfigMap, NamespacedName, Object, Secret
from kube.watch import Informer
from nodeagent.pods.sources import Ref

_KINDS: dict[str, type[Object]] = {"ConfigMap": ConfigMap, "Secret": Secret}


_STARTS = 4  # watches that begin at the same time
_START_S = 5.0  # longer than this a beginning does not hold the next one up


class _Key(NamedTuple):
    kind: str
    namespace: str
    name: str


class SourceWatches:
    """Watches live as long as somebody listens; `spawn` puts their tasks where their failures are seen."""

    def __init__(
        self, client: Client, spawn: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]
    ) -> None:
        self._client = client
        self._spawn = spawn
        self._listeners: dict[_Key, dict[str, Callable[[], None]]] = {}
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._starting = asyncio.Semaphore(_STARTS)

    def listen(self, uid: str, namespace: str, refs: Iterable[Ref], changed: Callable[[], None]) -> None:
        """Call `changed` after each change of one of the objects, for the pod `uid`."""
        for ref in refs:
            if ref.kind not in _KINDS:
                continue
            key = _Key(ref.kind, namespace, ref.name)
            self._listeners.setdefault(key, {})[uid] = changed
            if key not in self._tasks:
                self._tasks[key] = self._spawn(self._watch(key))

    def forget(self, uid: str) -> None:
        for key in [key for key, listeners in self._listeners.items() if uid in listeners]:
            del self._listeners[key][uid]
            if not self._listeners[key]:
                del self._listeners[key]
                _ = self._tasks.pop(key).cancel()

    async def _watch(self, key: _Key) -> None:
        def on_change(_name: NamespacedName, old: Object | None, new: Object | None) -> None:
            if old is None and not informer.synced:
                return  # what the pod was started with
            for changed in list(self._listeners.get(key, {}).values()):
                changed()

        informer: Informer[Object] = Informer(
            self._client,
            _KINDS[key.kind],
            namespace=key.namespace,
            field_selector=f"metadata.name={key.name}",
            on_change=on_change,
        )
        running = asyncio.ensure_future(informer.run())
        try:
            async with self._starting:  # a pod may have hundreds of sources, each a connection
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_START_S):
                        await informer.wait_synced()
            await running
        finally:
            _ = running.cancel()
