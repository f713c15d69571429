"""Keeps a ClusterZone up to date from the API, by one watch a kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dns.cluster.records import (
    MULTICLUSTER_SERVICE_LABEL,
    namespace_labels,
    pod_ip,
    service_record,
    slice_record,
    slice_service,
)
from dns.cluster.zone import ClusterZone, Touched
from dns.handlers.site import World
from kube.objects import EndpointSlice, Namespace, NamespacedName, Pod, Service
from linux.logging_kv import get_logger

if TYPE_CHECKING:
    from dns.handlers.kubernetes import Source
    from kube.client import Client

USER_AGENT = "kdns"
_logger = get_logger("dns.drive")


class ClusterFeed:
    """One kubernetes block's watches."""

    def __init__(self, source: Source, cluster: ClusterZone, world: World) -> None:
        self._source = source
        self._cluster = cluster
        self._world = world
        self._ready = asyncio.Event()
        # The service each slice was last seen with: its label may change.
        self._service_of: dict[NamespacedName, str] = {}
        self._bursting = True

    async def wait_ready(self) -> None:
        """Until the first state is complete, but no longer than startup_timeout."""
        try:
            async with asyncio.timeout(self._source.startup_timeout_s):
                await self._ready.wait()
        except TimeoutError:
            _logger.warning("starting without the Kubernetes API: names not yet known answer SERVFAIL")

    async def run(self) -> None:
        """Until cancelled."""
        from kube.watch import Informer

        client = await self._connect()
        source = self._source
        services = Informer(client, Service, label_selector=source.labels, on_change=self._service)
        namespaces = Informer(
            client, Namespace, label_selector=source.namespace_labels, on_change=self._namespace
        )
        informers: list[Any] = [services, namespaces]
        if source.endpoints:
            informers.append(
                Informer(
                    client,
                    EndpointSlice,
                    label_selector="kubernetes.io/service-name",
                    on_change=self._slice,
                )
            )
        if source.pods:
            informers.append(Informer(client, Pod, on_change=self._pod))
        try:
            async with asyncio.TaskGroup() as group:
                for informer in informers:
                    group.create_task(informer.run())
                for informer in informers:
                    await informer.wait_synced()
                self._cluster.synced = True
                self._bursting = False
                self._world.invalidate(frozenset(("all",)))
                self._ready.set()
                _logger.info("synced", services=len(services.cache), namespaces=len(namespaces.cache))
        finally:
            await client.close()

    async def _connect(self) -> Client:
        from kube.client import Client

        source = self._source
        while True:
            try:
                if source.endpoint:
                    return Client(transport_to(source))
                return Client.from_kubeconfig(source.kubeconfig, user_agent=USER_AGENT)
            except Exception as problem:  # a file may be written after we start
                _logger.warning("no way to the API yet", error=problem)
                await asyncio.sleep(1.0)

    def _touched(self, touched: Touched) -> None:
        if touched and not self._bursting:
            self._world.invalidate(touched)

    def _service(self, key: NamespacedName, old: Service | None, new: Service | None) -> None:
        record = None if new is None else service_record(new)
        self._touched(self._cluster.set_service(key, record, self._world.now()))

    def _slice(self, key: NamespacedName, old: EndpointSlice | None, new: EndpointSlice | None) -> None:
        service = "" if new is None else slice_service(new)
        before = self._service_of.pop(key, "")
        now = self._world.now()
        touched: Touched = frozenset()
        if before and before != service:
            touched |= self._cluster.set_slice((key.namespace, before), key.name, None, now)
        if new is not None and service and MULTICLUSTER_SERVICE_LABEL not in new.metadata.labels:
            self._service_of[key] = service
            piece = slice_record(new, pod_names=self._source.endpoint_pod_names)
            touched |= self._cluster.set_slice((key.namespace, service), key.name, piece, now)
        self._touched(touched)

    def _namespace(self, key: NamespacedName, old: Namespace | None, new: Namespace | None) -> None:
        labels = None if new is None else namespace_labels(new)
        self._touched(self._cluster.set_namespace(key.name, labels))

    def _pod(self, key: NamespacedName, old: Pod | None, new: Pod | None) -> None:
        self._touched(self._cluster.set_pod(key, "" if new is None else pod_ip(new)))


def transport_to(source: Source) -> Any:
    """A transport to `endpoint`, with the certificates of `tls`."""
    from urllib.parse import urlsplit

    from kube.client.http_socket import Endpoint, HttpTransport

    url = urlsplit(source.endpoint if "://" in source.endpoint else "http://" + source.endpoint)
    context = None
    if url.scheme == "https":
        import ssl

        authority = source.tls[2] if source.tls and source.tls[2] else None
        context = ssl.create_default_context(cafile=authority)
        if source.tls and source.tls[0]:
            context.load_cert_chain(source.tls[0], source.tls[1])
    port = url.port or (443 if url.scheme == "https" else 80)
    return HttpTransport(
        Endpoint(url.hostname or "localhost", port, url.path.rstrip("/")),
        context,
        user_agent=USER_AGENT,
    )
