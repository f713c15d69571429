"""Keeps a ClusterZone up to date from the API, by one watch a kind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dns import disk
from dns.cluster import snapshot
from dns.cluster.snapshot import Loaded
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
    from dns.cluster.source import Source
    from kube.client import Client

SNAPSHOT_EVERY_S = 10.0
_logger = get_logger("dns.drive")


class ClusterFeed:
    """One kubernetes block's watches, and the snapshot beside them."""

    def __init__(self, source: Source, cluster: ClusterZone, world: World) -> None:
        self._source = source
        self._cluster = cluster
        self._world = world
        self._ready = asyncio.Event()
        self._informers: list[Any] = []
        self._from_snapshot: Loaded | None = None
        self._saved_count = -1
        registry = world.registry
        self._programming = registry.histogram(
            "coredns_kubernetes_dns_programming_duration_seconds",
            "Histogram of the time (in seconds) it took to program a dns instance.",
            tuple(0.001 * 2**power for power in range(20)),
            "service_kind",
        )
        heard = registry.gauge(
            "kdns_kubernetes_last_heard_seconds",
            "Seconds since the API server last sent anything, a bookmark at least, on the quietest watch.",
        )
        stale = registry.gauge(
            "kdns_kubernetes_snapshot_age_seconds",
            "Age of the snapshot that is answered from; 0 when it is the state the API sent.",
        )

        def collect() -> None:
            heard.set(self.silence_s() or 0.0)
            since_s = cluster.stale_since_s
            stale.set(max(world.now() - since_s, 0.0) if since_s else 0.0)

        world.collectors.append(collect)
        self._bursting = True

    def silence_s(self) -> float | None:
        """How long the quietest watch has been silent; None before any was heard."""
        times = [one.last_heard_at_s for one in self._informers if one.last_heard_at_s is not None]
        return self._world.clock() - min(times) if times else None

    async def wait_ready(self) -> None:
        """Until the first state is complete, but no longer than startup_timeout; then a snapshot has to do."""
        try:
            async with asyncio.timeout(self._source.startup_timeout_s):
                await self._ready.wait()
        except TimeoutError:
            if not self._load_snapshot():
                _logger.warning("starting without the Kubernetes API: names not yet known answer SERVFAIL")

    def _load_snapshot(self) -> bool:
        path = self._source.snapshot
        if not path or self._cluster.synced:
            return self._cluster.synced
        try:
            self._from_snapshot = snapshot.load(self._cluster, disk.read_bytes(path))
        except (OSError, snapshot.BadSnapshot) as problem:
            _logger.warning("there is no usable snapshot", file=path, error=problem)
            return False
        self._cluster.stale_since_s = self._from_snapshot.taken_at_s
        self._cluster.synced = True
        age_s = round(self._world.now() - self._from_snapshot.taken_at_s)
        _logger.warning("answering from a snapshot until the API is there", file=path, age_s=age_s)
        return True

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
        slices: Any = None
        pods: Any = None
        if source.endpoints:
            kind = NamedSliceView if source.endpoint_pod_names else SliceView
            labelled = ",".join(filter(None, ("kubernetes.io/service-name", source.labels)))
            if source.multicluster:
                labelled = ""
            slices = Informer(client, kind, label_selector=labelled, on_change=self._slice)
            informers.append(slices)
        if source.pods:
            pods = Informer(client, PodView, label_selector=source.labels, on_change=self._pod)
            informers.append(pods)
        if source.multicluster:
            informers.append(Informer(client, ImportView, on_change=self._import))
        self._informers = informers
        try:
            async with asyncio.TaskGroup() as group:
                for informer in informers:
                    group.create_task(informer.run())
                for informer in informers:
                    await informer.wait_synced()
                self._forget_snapshot(services, namespaces, slices, pods)
                self._cluster.synced = True
                self._bursting = False
                disk.give_back_memory()
                self._world.invalidate(frozenset(("all",)))
                self._ready.set()
                _logger.info("synced", services=len(services.cache), namespaces=len(namespaces.cache))
                if source.snapshot and self._world.is_first:
                    group.create_task(self._keep_snapshot())
        finally:
            await client.close()

    def _forget_snapshot(self, services: Any, namespaces: Any, slices: Any, pods: Any) -> None:
        """Take out what only the snapshot knew of."""
        loaded, cluster, now = self._from_snapshot, self._cluster, self._world.now()
        if loaded is None:
            return
        for key in loaded.services - {tuple(one) for one in services.cache}:
            cluster.set_service(key, None, now)
        for name in loaded.namespaces - {one.name for one in namespaces.cache}:
            cluster.set_namespace(name, exists=False)
        known = (
            {((one.namespace, view.service), one.name) for one, view in slices.cache.items()}
            if slices
            else set()
        )
        for key, name in loaded.slices - known:
            cluster.set_slice(key, name, None, now)
        for key in loaded.pods - ({tuple(one) for one in pods.cache} if pods else set()):
            cluster.set_pod(key, "")
        self._from_snapshot = None
        cluster.stale_since_s = 0.0

    async def _keep_snapshot(self) -> None:
        while True:
            self.save()
            await asyncio.sleep(SNAPSHOT_EVERY_S)

    def save(self) -> None:
        """Write the snapshot if anything changed since the last one."""
        count = self._cluster.change_count
        if count == self._saved_count:
            return
        try:
            disk.replace_bytes(self._source.snapshot, snapshot.take(self._cluster, self._world.now()))
        except OSError as problem:
            _logger.error("the snapshot was not written", file=self._source.snapshot, error=problem)
        else:
            self._saved_count = count

    async def _connect(self) -> Client:
        from dns.cluster.transport_socket import transport_of
        from kube.client import Client

        while True:
            try:
                return Client(transport_of(self._source, self._world.registry, self._world.clock))
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
