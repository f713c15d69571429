"""Noticing at once that a ConfigMap or Secret of a running pod has changed: one watch an object, shared by its pods."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, NamedTuple

from kube.client import Client
from kube.objects import ConfigMap, NamespacedName, Object, Secret
from kube.watch import Informer
from nodeagent.pods.sources import Ref

_KINDS: dict[str, type[Object]] = {"ConfigMap": ConfigMap, "Secret": Secret}


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
        await informer.run()
