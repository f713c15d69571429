"""The ranges of cluster addresses, from ServiceCIDR objects where the API server has them."""

import asyncio
from collections.abc import Callable

from kube.client import ApiError, Client, Forbidden, NotFound
from kube.objects import NamespacedName, ServiceCIDR
from kube.watch import Informer
from linux.logging_kv import get_logger

_log = get_logger("kproxy.ranges")
_RETRY_S = 300.0


class ServiceRanges:
    """`known` is set when the ranges are, or when it is clear that there are none to read."""

    def __init__(self, client: Client, on_change: Callable[[tuple[str, ...]], None]) -> None:
        self._client = client
        self._on_change = on_change
        self.informer = Informer(client, ServiceCIDR, on_change=self._changed)
        self.known = asyncio.Event()

    def _changed(self, _key: NamespacedName, _old: ServiceCIDR | None, _new: ServiceCIDR | None) -> None:
        self._on_change(
            tuple(sorted({cidr for item in self.informer.cache.values() for cidr in item.spec.cidrs}))
        )

    async def run(self) -> None:
        """Clusters before 1.33 have no ServiceCIDRs, and some do not let a proxy read them: both may change."""
        async with asyncio.TaskGroup() as tasks:
            while (refusal := await self._refusal()) is not None:
                if not self.known.is_set():
                    _log.info("no ServiceCIDRs: unused cluster addresses are not told apart", reason=refusal)
                self.known.set()
                await asyncio.sleep(_RETRY_S)
            tasks.create_task(self.informer.run())
            await self.informer.wait_synced()
            self.known.set()

    async def _refusal(self) -> str | None:
        try:
            await self._client.raw("GET", ServiceCIDR.resource.path(), query={"limit": "1"})
        except (NotFound, Forbidden) as error:
            return str(error)
        except ApiError:
            return None  # the watch will try again, and say why
        return None
