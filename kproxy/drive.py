"""The running proxy: informers in, syncs out. The one place with tasks, timers and broad excepts."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from kproxy import garbage, node_socket, surroundings
from kproxy.addresses_drive import follow_addresses
from kproxy.backends.registry import Backend, BackendError, Remembering
from kproxy.configuration.config import Configuration
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.intake import Changes, Intake
from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.metrics.programming import Triggers
from kproxy.metrics.without_local import WithoutLocal
from kproxy.pages.checks_drive import ServiceChecks
from kproxy.pages.health import Answer, ProxyHealth, listen_addresses, node_eligible
from kproxy.policy import Place
from kproxy.ranges_drive import ServiceRanges
from kproxy.surroundings import Surroundings
from kube.client import Client
from kube.objects import (
    HEADLESS_LABEL,
    PROXY_NAME_LABEL,
    EndpointSlice,
    NamespacedName,
    Node,
    Service,
)
from kube.objects.value import Object
from kube.watch import Informer
from linux.logging_kv import get_logger

_log = get_logger("kproxy.drive")

_SETTLE_S = 1.0  # kernels before 6.2 take a chain for used some time after its last reference went
_LEFTOVERS_S = 10.0
_RETRY_S = (0.2, 1.0, 5.0, 30.0)
_OTHERS_WAIT_S = 5.0  # for the Node and the ServiceCIDRs; a server may not have them, or not yet
_FULL_CHECK_S = 3600.0
_FAMILY_NAMES = {4: "IPv4", 6: "IPv6"}


class Proxy:
    """One node's service proxy over any backends, one a family."""

    def __init__(
        self,
        client: Client,
        config: Configuration,
        node_name: str,
        backends: Mapping[int, Backend],
        metrics: ProxyMetrics,
        *,
        min_sync_period_s: float | None = None,
    ) -> None:
        self.config = config
        self._backends = backends
        self.metrics = metrics
        self.health = ProxyHealth(backends, 2 * config.sync_period_s)
        self._min_sync_s = config.min_sync_period_s if min_sync_period_s is None else min_sync_period_s
        self._around = Surroundings(
            node_name=node_name,
            addresses=node_socket.local_addresses(),
            bridge_filtered=node_socket.bridge_filtered(),
        )
        self._node_now: Node | None = None
        self.on_listed: Callable[[], None] = lambda: None
        self.intake = Intake(tuple(backends), surroundings.place(config, self._around))
        self._services = Informer(
            client,
            Service,
            label_selector=f"!{PROXY_NAME_LABEL}",
            field_selector="spec.clusterIP!=None",
            on_change=self._service_changed,
        )
        self._slices = Informer(
            client, EndpointSlice, label_selector=f"!{HEADLESS_LABEL}", on_change=self._slice_changed
        )
        self._node = Informer(
            client, Node, field_selector=f"metadata.name={node_name}", on_change=self._node_changed
        )
        self._ranges = ServiceRanges(client, self._ranges_changed)
        self._wake = asyncio.Event()
        self._dirty: dict[int, set[ServicePortName] | None] = dict.fromkeys(backends)  # None: everything
        self._failures = 0
        self._triggers = Triggers(time.time())
        self._without_local = {family: WithoutLocal() for family in backends}
        self._distrusted = set(backends)  # what was there before is not known
        self.checks = ServiceChecks(lambda: self.health.is_healthy(time.time()))
        self._unsettled: list[Changes] = []
        self.on_synced: list[Callable[[Changes], None]] = []
        self.on_repaired: Callable[[int, ForwardingTable], None] = lambda _family, _table: None
        self.synced_once = asyncio.Event()

    @property
    def place(self) -> Place:
        return self.intake.place

    @property
    def around(self) -> Surroundings:
        return self._around

    # Changes come in.

    def _service_changed(self, key: NamespacedName, _old: Service | None, new: Service | None) -> None:
        self.intake.set_service(key, new)
        self.metrics.service_changes.increment()
        self.metrics.service_changes_pending.increment()
        self.wake()

    def _slice_changed(
        self, key: NamespacedName, _old: EndpointSlice | None, new: EndpointSlice | None
    ) -> None:
        self.intake.set_slice(key, new)
        self.metrics.endpoint_changes.increment()
        self.metrics.endpoint_changes_pending.increment()
        if new is not None:
            self._triggers.note(key, new)
        self.wake()

    def _node_changed(self, _key: NamespacedName, old: Node | None, new: Node | None) -> None:
        before = surroundings.node_ips(self.config, old) if old is not None else ()
        after = surroundings.node_ips(self.config, new) if new is not None else ()
        if old is not None and before != after:
            _log.info("node addresses changed", before=",".join(before), after=",".join(after))
        if new is None:
            _log.warning("the Node is gone from the API: balancers are told to send nothing here")
        self._node_now = new  # addresses and labels of one that went go on counting, as in kube-proxy
        self.look_around(node=new)

    def _ranges_changed(self, ranges: tuple[str, ...]) -> None:
        self.look_around(service_cidrs=ranges)

    def look_around(self, *, node: Node | None = None, service_cidrs: tuple[str, ...] | None = None) -> None:
        around = self._around
        self._around = Surroundings(
            node_name=around.node_name,
            node=node or around.node,
            addresses=node_socket.local_addresses(),
            service_cidrs=around.service_cidrs if service_cidrs is None else service_cidrs,
            bridge_filtered=node_socket.bridge_filtered(),
        )
        if self._around != around:
            self.wake()

    def wake(self) -> None:
        """A sync is due."""
        now = time.time()
        self.health.queued(now)
        for family in self._backends:
            self.metrics.last_queued.set(now, _FAMILY_NAMES[family])
        self._wake.set()

    def distrust(self, family: int) -> None:
        """Somebody changed our rules: compare them whole and repair."""
        self._backends[family].distrust()
        self._dirty[family] = None
        self._distrusted.add(family)
        self.metrics.repairs.increment(_FAMILY_NAMES[family])
        self.wake()

    # A changed configuration.

    def reconfigure(self, config: Configuration) -> None:
        """The same backends under another configuration: everything is looked at with the next sync."""
        self.config = config
        self._min_sync_s = config.min_sync_period_s
        self._dirty = dict.fromkeys(self._backends)
        self.wake()

    def switch(self, config: Configuration, backends: Mapping[int, Backend]) -> None:
        """Other backends serve, complete when this returns. Raises BackendError or OSError: the old ones go on."""
        assert set(backends) == set(self._backends), "the families stay"
        for family, backend in backends.items():
            backend.set_node(surroundings.node_rules(config, self._around, family))
            backend.sync(self.intake.tables[family])
            self._hand_over(self._backends[family], backend, family)
        self._backends = backends
        self.reconfigure(config)
        self._dirty = {family: set() for family in backends}

    def _hand_over(self, old: Backend, new: Backend, family: int) -> None:
        """Clients with session affinity stay where they are."""
        if isinstance(old, Remembering) and isinstance(new, Remembering):
            table = self.intake.tables[family]
            try:
                new.remember(table, old.remembered(table))
            except OSError as error:
                _log.warning("session affinity begins anew", family=_FAMILY_NAMES[family], error=str(error))

    def known(self) -> list[Object]:
        """All objects that the API server has told of."""
        informed: tuple[Informer[Any], ...] = (
            self._services,
            self._slices,
            self._node,
            self._ranges.informer,
        )
        return [item for informer in informed for item in list(informer.cache.values())]

    # Syncs go out.

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for informer in (self._services, self._slices, self._node):
                tasks.create_task(informer.run())
            tasks.create_task(self._ranges.run())
            tasks.create_task(follow_addresses(self.look_around))
            tasks.create_task(self._keep_synced(tasks))

    async def _keep_synced(self, tasks: asyncio.TaskGroup) -> None:
        async with asyncio.TaskGroup() as waits:
            waits.create_task(self._services.wait_synced())
            waits.create_task(self._slices.wait_synced())
            waits.create_task(self._wait_for_others())
        self.on_listed()
        tasks.create_task(self._look_regularly())
        last_s = float("-inf")
        self._wake.set()
        while True:
            await self._wake.wait()
            loop_s = asyncio.get_running_loop().time()
            if loop_s - last_s < self._min_sync_s:
                await asyncio.sleep(self._min_sync_s - (loop_s - last_s))
            self._wake.clear()
            last_s = asyncio.get_running_loop().time()
            first = not self.synced_once.is_set()
            with garbage.paused() if first else nullcontext():
                good = self.sync()
            if good:
                self._failures = 0
                self.synced_once.set()
                self._schedule_settling()
                await self.checks.update(self.intake, self._check_hosts)
            else:
                self._schedule_retry()

    async def _wait_for_others(self) -> None:
        try:
            async with asyncio.timeout(_OTHERS_WAIT_S):
                await self._node.wait_synced()
                await self._ranges.known.wait()
        except TimeoutError:
            _log.warning("starting without the Node or the ServiceCIDRs: the API server has not said them")

    def sync(self) -> bool:
        """Bring every family in step; False if a kernel refused."""
        now = time.time()
        place = surroundings.place(self.config, self._around)
        self.intake.set_place(place)
        changes = self.intake.refresh()
        self._unsettled.append(changes)
        good = True
        for family, backend in self._backends.items():
            dirty = self._dirty[family]
            if dirty is not None:
                dirty |= changes.forwarding[family]
            backend.set_node(surroundings.node_rules(self.config, self._around, family))
            good = self._sync_family(family, backend, now) and good
            counts = self._without_local[family].take(self.intake.tables[family], changes.forwarding[family])
            for policy, count in counts.items():
                self.metrics.no_local_endpoints.set(count, _FAMILY_NAMES[family], policy)
            self.checks.look_at(changes.known[family])
        if good:
            self._tell_of_success()
        return good

    def _tell_of_success(self) -> None:
        for observer in self.on_synced:
            for done in self._unsettled:
                observer(done)
        self._unsettled.clear()
        repaired, self._distrusted = self._distrusted, set()
        for family in repaired:
            self.on_repaired(family, self.intake.tables[family])
        for took_s in self._triggers.done(time.time()):
            for family in self._backends:
                self.metrics.programming.observe(took_s, _FAMILY_NAMES[family])
        self.metrics.service_changes_pending.set(0)
        self.metrics.endpoint_changes_pending.set(0)

    def _sync_family(self, family: int, backend: Backend, now: float) -> bool:
        label = _FAMILY_NAMES[family]
        started_s = time.perf_counter()
        try:
            report = backend.sync(self.intake.tables[family], self._dirty[family])
        except (BackendError, OSError) as error:
            self.metrics.failed(backend.name, label, full=self._dirty[family] is None)
            self._dirty[family] = None
            _log.error("sync failed", family=label, error=str(error))
            return False
        took_s = time.perf_counter() - started_s
        done = time.time()
        self._dirty[family] = set()
        self.health.done(family, done)
        self.metrics.synced(label, report, took_s, done)
        if report.full or report.operations:
            _log.log(
                "info" if report.full else "debug",
                "synced",
                family=label,
                full=report.full,
                services=len(self.intake.tables[family]),
                operations=report.operations,
                elements=report.elements,
                took_s=round(took_s, 4),
                lag_s=round(done - now, 4),
            )
        return True

    def _schedule_retry(self) -> None:
        delay_s = _RETRY_S[min(self._failures, len(_RETRY_S) - 1)]
        self._failures += 1
        asyncio.get_running_loop().call_later(delay_s, self._wake.set)

    def _schedule_settling(self) -> None:
        for backend in self._backends.values():
            if backend.has_leftovers:
                asyncio.get_running_loop().call_later(_SETTLE_S, self._settle, backend)

    def _settle(self, backend: Backend) -> None:
        if backend not in self._backends.values() or not backend.has_leftovers:
            return
        try:
            backend.settle()
        except (BackendError, OSError) as error:
            _log.warning("leftovers could not be removed, all is compared again", error=str(error))
            for label in _FAMILY_NAMES.values():
                self.metrics.nftables_cleanup_failures.increment(label)
            self._dirty = dict.fromkeys(self._backends)
            self.wake()
            return
        if backend.has_leftovers:  # real servers of IPVS, until their last connection ends
            asyncio.get_running_loop().call_later(_LEFTOVERS_S, self._settle, backend)

    # What is looked at beside the API.

    async def _look_regularly(self) -> None:
        """A sysctl changes without a word; and once an hour everything is compared, as kube-proxy does."""
        last_full_s = time.monotonic()
        while True:
            await asyncio.sleep(self.config.sync_period_s)
            self.look_around()
            for family, backend in self._backends.items():
                if not await asyncio.to_thread(backend.is_intact):
                    _log.warning("our rules are gone, they are written again", family=_FAMILY_NAMES[family])
                    self.distrust(family)
            if time.monotonic() - last_full_s > _FULL_CHECK_S:
                last_full_s = time.monotonic()
                for backend in self._backends.values():
                    backend.distrust()
                self._dirty = dict.fromkeys(self._backends)
                self.wake()

    # Health.

    def healthz(self) -> Answer:
        answer = self.health.healthz(time.time(), node_eligible=node_eligible(self._node_now))
        self.metrics.healthz.increment(str(answer.status))
        return answer

    def livez(self) -> Answer:
        answer = self.health.livez(time.time())
        self.metrics.livez.increment(str(answer.status))
        return answer

    def _check_hosts(self) -> list[str]:
        return [
            host
            for family in self._backends
            for host in listen_addresses(
                family, surroundings.node_rules(self.config, self._around, family).node_port_addresses
            )
        ]
