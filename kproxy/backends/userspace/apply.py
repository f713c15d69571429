"""Local routes for the service ranges, and listeners on their addresses."""

import resource
from collections.abc import Mapping
from typing import ClassVar

from kproxy.addresses import IPV4, IPV6
from kproxy.backends.registry import Backend, BackendError, SyncReport, Watch
from kproxy.backends.userspace.engine_run import Engine
from kproxy.backends.userspace.plan import Plan, Work
from kproxy.forwarding import ForwardingTable, Remembered, ServicePortName, keepers
from kproxy.node import NodeRules
from linux.logging_kv import get_logger
from linux.netlink.socket import NetlinkError
from linux.rtnl import Rtnl

_log = get_logger("kproxy.userspace")
_PROTOCOL = 107  # marks our routes: a number that nobody registered (rt_protos)
_TABLE_LOCAL, _KIND_LOCAL, _SCOPE_HOST = 255, 2, 254
_AF = {IPV4: 2, IPV6: 10}


class UserspaceBackend:
    """One IP family. Its rules end with its process: nothing forwards while it does not run."""

    name: ClassVar[str] = "userspace"

    def __init__(self, node: NodeRules) -> None:
        self._node = node
        self._plan = Plan(node)
        self._engine: Engine | None = None
        self._routed: frozenset[str] = frozenset()
        self._in_step = False
        self._failed: frozenset[ServicePortName] = frozenset()

    def set_node(self, node: NodeRules) -> None:
        if node != self._node:
            self._node = node
            self._in_step = False

    def distrust(self) -> None:
        self._in_step = False

    @property
    def has_leftovers(self) -> bool:
        return False

    def settle(self) -> SyncReport:
        return SyncReport(full=False, operations=0)

    def sync(self, table: ForwardingTable, only: set[ServicePortName] | None = None) -> SyncReport:
        full = only is None or not self._in_step
        if self._engine is None:
            _allow_many_files()
            self._engine = Engine(self._node)
        if full:
            self._plan.node = self._node
            work = self._plan.full(table)
            listeners = {**dict.fromkeys(self._engine.keys), **work.listeners}
            work = work._replace(listeners=listeners)
        else:
            assert only is not None
            work = self._plan.partial(table, {*only, *self._failed})
        self._carry_out(self._engine, work, full=full)
        self._in_step = True
        return SyncReport(full=full, operations=len(work.listeners))

    def _carry_out(self, engine: Engine, work: Work, *, full: bool) -> None:
        try:
            self._route(work.local_ranges, full=full)
            failed = engine.update(work.listeners, self._node)
        except (NetlinkError, OSError) as error:
            self._in_step = False
            raise BackendError(f"cannot listen on service addresses: {error}") from error
        self._failed = frozenset(route.name for key in failed if (route := work.listeners[key]) is not None)
        for key, reason in failed.items():
            _log.error("cannot listen", protocol=key.protocol, ip=key.ip, port=key.port, reason=reason)

    def _route(self, ranges: frozenset[str], *, full: bool) -> None:
        """A local route makes every address of a range this host's own, without an interface for it (AnyIP)."""
        if ranges == self._routed and not full:
            return
        with Rtnl() as rtnl:
            lo = rtnl.link("lo")
            assert lo is not None
            there = _our_routes(rtnl, self._node.family)
            for cidr in sorted(ranges - there):
                rtnl.add_route(
                    cidr,
                    oif=lo.ifindex,
                    table=_TABLE_LOCAL,
                    kind=_KIND_LOCAL,
                    scope=_SCOPE_HOST if self._node.family == IPV4 else None,
                    protocol=_PROTOCOL,
                    replace=True,
                )
            for cidr in sorted(there - ranges):
                rtnl.delete_route(cidr, oif=lo.ifindex, table=_TABLE_LOCAL, kind=_KIND_LOCAL)
        self._routed = ranges

    def is_intact(self) -> bool:
        with Rtnl() as rtnl:
            return self._routed <= _our_routes(rtnl, self._node.family)

    def drain(self) -> None:
        if self._engine is not None:
            self._engine.stop_accepting()

    @property
    def connection_count(self) -> int:
        """Streams that would end with this backend."""
        return self._engine.stream_count if self._engine is not None else 0

    def remembered(self, table: ForwardingTable) -> list[Remembered]:
        return self._engine.remembered(keepers(table)) if self._engine is not None else []

    def remember(self, table: ForwardingTable, clients: list[Remembered]) -> None:
        if self._engine is not None:
            self._engine.remember(
                {service.name: service.affinity_timeout_s or 0 for service, _ in keepers(table)}, clients
            )

    def watch(self) -> Watch | None:
        return None

    def cleanup(self) -> None:
        self.close()
        _remove_routes(self._node.family)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.stop()
            self._engine = None
        self._in_step = False


def _our_routes(rtnl: Rtnl, family: int) -> frozenset[str]:
    found = rtnl.routes(family=_AF[family], table=_TABLE_LOCAL)
    return frozenset(route.dst for route in found if route.protocol == _PROTOCOL)


def _remove_routes(family: int) -> None:
    with Rtnl() as rtnl:
        for cidr in _our_routes(rtnl, family):
            rtnl.delete_route(cidr, table=_TABLE_LOCAL, kind=_KIND_LOCAL)


def _allow_many_files() -> None:
    """A listener is a file, a connection six."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def make(rules: Mapping[int, NodeRules], *, own_table: bool) -> dict[int, Backend]:
    return {family: UserspaceBackend(node) for family, node in rules.items()}


def unusable() -> str | None:
    """It needs nothing but the right to set routes."""
    try:
        with Rtnl() as rtnl:
            rtnl.routes()
    except (NetlinkError, OSError) as error:
        return str(error)
    return None


def clean() -> None:
    for family in _AF:
        _remove_routes(family)


def take_over() -> None:
    """kube-proxy has no userspace mode since 1.26."""
