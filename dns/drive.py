"""Keeps a ClusterZone up to date from the API, by one watch a kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dns.cluster.views import (
    ImportView,
    NamedSliceView,
    NamespaceView,
    PodView,
    ServiceView,
    SliceView,
)
from dns.cluster.zone import ClusterZone, Touched
from dns.handlers.site import World
from kube.objects import NamespacedName
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
        self._programming = world.registry.histogram(
            "coredns_kubernetes_dns_programming_duration_seconds",
            "Histogram of the time (in seconds) it took to program a dns instance.",
            tuple(0.001 * 2**power for power in range(20)),
            "service_kind",
        )
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
        services = Informer(client, ServiceView, label_selector=source.labels, on_change=self._service)
        namespaces = Informer(
            client, NamespaceView, label_selector=source.namespace_labels, on_change=self._namespace
        )
        informers: list[Any] = [services, namespaces]
        if source.endpoints:
            kind = NamedSliceView if source.endpoint_pod_names else SliceView
            labelled = ",".join(filter(None, ("kubernetes.io/service-name", source.labels)))
            if source.multicluster:
                labelled = ""
            informers.append(Informer(client, kind, label_selector=labelled, on_change=self._slice))
        if source.pods:
            informers.append(Informer(client, PodView, label_selector=source.labels, on_change=self._pod))
        if source.multicluster:
            informers.append(Informer(client, ImportView, on_change=self._import))
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

    def _service(self, key: NamespacedName, old: ServiceView | None, new: ServiceView | None) -> None:
        record = None if new is None else new.record
        self._touched(self._cluster.set_service(key, record, self._world.now()))

    def _slice(self, key: NamespacedName, old: SliceView | None, new: SliceView | None) -> None:
        before = old.service if old is not None else ""
        after = new.service if new is not None else ""
        cluster, now = self._cluster, self._world.now()
        touched: Touched = frozenset()
        if before and before != after:
            touched |= cluster.set_slice((key.namespace, before), key.name, None, now)
        if new is not None and after:
            touched |= cluster.set_slice((key.namespace, after), key.name, new.record, now)
            self._measure(key.namespace, new)
        imported_before = old.imported if old is not None else ""
        imported = new.imported if new is not None else ""
        if imported_before and imported_before != imported:
            touched |= cluster.set_import_slice((key.namespace, imported_before), key.name, None, now)
        if new is not None and imported:
            touched |= cluster.set_import_slice((key.namespace, imported), key.name, new.record, now)
        self._touched(touched)

    def _measure(self, namespace: str, view: SliceView) -> None:
        """How long after the cause this server knew of the change; once running, as CoreDNS counts it."""
        if self._bursting or not view.triggered_at:
            return
        service = self._cluster.entry(namespace, view.service).service
        began_s = seconds_of(view.triggered_at)
        if service is None or began_s is None:
            return
        kind = "headless_with_selector" if service.headless else "cluster_ip"
        self._programming.observe(max(self._world.now() - began_s, 0.0), kind)

    def _import(self, key: NamespacedName, old: ImportView | None, new: ImportView | None) -> None:
        record = None if new is None else new.record
        self._touched(self._cluster.set_import(key, record, self._world.now()))

    def _namespace(self, key: NamespacedName, old: NamespaceView | None, new: NamespaceView | None) -> None:
        self._touched(self._cluster.set_namespace(key.name, exists=new is not None))

    def _pod(self, key: NamespacedName, old: PodView | None, new: PodView | None) -> None:
        self._touched(self._cluster.set_pod(key, "" if new is None else new.ip))


def seconds_of(text: str) -> float | None:
    """RFC 3339 as seconds since 1970; None when it is no such time."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


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
