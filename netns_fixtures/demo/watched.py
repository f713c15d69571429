"""The demonstration's view of its namespace, kept by watches: what is there, and waiting until it is as wanted."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TypeVar

from kube.client import Client
from kube.objects import Deployment, EndpointSlice, Namespace, Object, Pod, Service
from kube.watch import Informer, running
from netns_fixtures.demo.show import CheckFailed

NAMESPACE = "k8sdemo"
PATIENCE_S = 60.0  # a machine may be busy with other things
T = TypeVar("T", bound=Object)


class Watched:
    """Informers of the kinds the demonstration talks about."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._changed = asyncio.Event()
        self._running = AsyncExitStack()
        self.pods = self._informer(Pod)
        self.deployments = self._informer(Deployment)
        self.slices = self._informer(EndpointSlice)
        self.services = self._informer(Service)
        self.namespaces = Informer(client, Namespace, on_change=self._wake)

    def _informer(self, cls: type[T]) -> Informer[T]:
        return Informer(self.client, cls, namespace=NAMESPACE, on_change=self._wake)

    def _wake(self, *_change: object) -> None:
        self._changed.set()

    async def __aenter__(self) -> "Watched":
        informers = (self.pods, self.deployments, self.slices, self.services, self.namespaces)
        await self._running.enter_async_context(running(*informers))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._running.aclose()

    async def until(self, holds: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait for changes until it holds. Raises CheckFailed when it does not in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not holds():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError as error:
            raise CheckFailed(f"after {timeout_s:g} s still not: {what}\n{self._pods_text()}") from error

    def pods_of(self, app: str) -> list[Pod]:
        """Running pods that are not being deleted, by name."""
        found = [
            pod
            for pod in self.pods.cache.values()
            if pod.metadata.labels.get("app") == app and pod.metadata.deletion_timestamp is None
        ]
        return sorted(found, key=lambda pod: pod.metadata.name)

    def available(self, deployment: str) -> bool:
        """All replicas wanted are there, of the newest template, and available."""
        for key, found in self.deployments.cache.items():
            if key.name == deployment:
                status = found.status
                return (
                    status.observed_generation >= found.metadata.generation
                    and status.updated_replicas
                    == status.available_replicas
                    == status.replicas
                    == found.spec.replicas
                )
        return False

    def ready_endpoints(self, service: str) -> set[str]:
        """Addresses, of both families, that the proxies use."""
        return {
            address
            for found in self.slices.cache.values()
            if found.metadata.labels.get("kubernetes.io/service-name") == service
            for endpoint in found.endpoints
            if endpoint.conditions.ready is not False
            for address in endpoint.addresses
        }

    def service(self, name: str) -> Service:
        return next(found for key, found in self.services.cache.items() if key.name == name)

    def _pods_text(self) -> str:
        return "\n".join(
            f"{pod.metadata.name}: {pod.status.phase}, "
            + "; ".join(
                f"{state.name} {state.state.waiting.reason} {state.state.waiting.message}"
                for state in pod.status.container_statuses
                if state.state.waiting
            )
            for pod in self.pods.cache.values()
        )
