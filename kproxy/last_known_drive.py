"""Keeps the last known state on disk, and serves it while the API server does not answer a proxy that starts."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from kproxy import last_known_disk
from kproxy.drive import Proxy
from kube.objects import EndpointSlice, Node, Service, ServiceCIDR, key_of
from kube.objects.value import Object
from linux.logging_kv import get_logger

_log = get_logger("kproxy.last_known")
_PATIENCE_S = 1.0  # a server that is there has answered by then
_EVERY_S = 5.0


class LastKnown:
    """Of one proxy, in one file."""

    def __init__(
        self, proxy: Proxy, path: Path, *, patience_s: float = _PATIENCE_S, every_s: float = _EVERY_S
    ) -> None:
        self._proxy = proxy
        self._path = path
        self._patience_s = patience_s
        self._every_s = every_s
        self._assumed: list[Service | EndpointSlice] = []
        proxy.on_listed = self._forget_assumed

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.timeout(self._patience_s):
                await self._proxy.synced_once.wait()
        except TimeoutError:
            objects = await asyncio.to_thread(last_known_disk.load, self._path)
            if objects and not self._proxy.synced_once.is_set():
                _log.warning("no answer of the API server: what was known last is served", count=len(objects))
                self._serve(objects)
            await self._proxy.synced_once.wait()
        saved = -1.0
        while True:
            metrics = self._proxy.metrics
            changes = metrics.service_changes.value() + metrics.endpoint_changes.value()
            if changes != saved:
                await asyncio.to_thread(last_known_disk.save, self._path, self._proxy.known())
                saved = changes
            await asyncio.sleep(self._every_s)

    def _serve(self, objects: Iterable[Object]) -> None:
        """Until the API server says what there is."""
        found = list(objects)
        self._assumed = [item for item in found if isinstance(item, Service | EndpointSlice)]
        for item in self._assumed:
            self._take(item, there=True)
        node = next((item for item in found if isinstance(item, Node)), None)
        ranges = {cidr for item in found if isinstance(item, ServiceCIDR) for cidr in item.spec.cidrs}
        self._proxy.look_around(node=node, service_cidrs=tuple(sorted(ranges)))
        self._proxy.sync()

    def _forget_assumed(self) -> None:
        """The API server has spoken: what it does not know is gone."""
        known = {(type(item), key_of(item)) for item in self._proxy.known()} if self._assumed else set()
        for item in self._assumed:
            if (type(item), key_of(item)) not in known:
                self._take(item, there=False)
        self._assumed = []

    def _take(self, item: Service | EndpointSlice, *, there: bool) -> None:
        intake = self._proxy.intake
        if isinstance(item, Service):
            intake.set_service(key_of(item), item if there else None)
        else:
            intake.set_slice(key_of(item), item if there else None)
