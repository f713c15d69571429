"""Carries out plans on the kernel's tables; decides nothing but what to do when the kernel refuses."""

from collections.abc import Collection, Iterable, Mapping
from errno import EINVAL, EOPNOTSUPP, EPERM
from socket import AF_INET, AF_INET6, inet_ntop
from typing import ClassVar

from kproxy.addresses import IPV4, IPV6
from kproxy.backends.nftables import names as n
from kproxy.backends.nftables.memory_socket import memorize, recall
from kproxy.backends.nftables.pieces import INDEXED_MAPS
from kproxy.backends.nftables.plan import Forget, Plan, Work
from kproxy.backends.nftables.skeleton import nf_family
from kproxy.backends.registry import Backend, BackendError, SyncReport
from kproxy.forwarding import ForwardingTable, Remembered, ServicePortName
from kproxy.metrics.counters import Count
from kproxy.node import NodeRules
from linux.logging_kv import get_logger
from linux.netlink.socket import NetlinkError
from linux.nft import constants as k
from linux.nft.batch import AddElements, AddTable, DeleteElements, DeleteTable
from linux.nft.monitor import Monitor
from linux.nft.socket import NftSocket
from linux.nft.values import Element, Table

_log = get_logger("kproxy.nftables")
_NF_FAMILIES = {IPV4: k.NFPROTO_IPV4, IPV6: k.NFPROTO_IPV6}
_OWNER_FLAGS = k.TABLE_F_OWNER | k.TABLE_F_PERSIST


class ForeignChanges:
    """Tells when somebody else touched our tables, and who, from the netlink monitor."""

    def __init__(self, own_port: int) -> None:
        self._monitor = Monitor((own_port,))

    def fileno(self) -> int:
        return self._monitor.fileno()

    def read(self) -> Iterable[int]:
        change = self._monitor.read()
        if change is None:
            return ()
        touched = {family for family, name in change.tables if name == n.TABLE}
        found = [f for f, number in _NF_FAMILIES.items() if change.lost or number in touched]
        if found:
            by = change.process_name or "unknown"
            _log.warning("somebody changed our table, it is repaired", by=by, process_id=change.process_id)
        return found

    def close(self) -> None:
        self._monitor.close()


class NftablesBackend:
    """One IP family; both may share a socket, which is also what owns the tables."""

    name: ClassVar[str] = "nftables"

    def __init__(self, node: NodeRules, socket: NftSocket, *, own_table: bool = True) -> None:
        self._socket = socket
        self._own_table = own_table
        self._node = node
        self._plan = Plan(node)
        self._in_step = False

    @property
    def node(self) -> NodeRules:
        return self._node

    @property
    def socket(self) -> NftSocket:
        return self._socket

    @property
    def has_leftovers(self) -> bool:
        return self._in_step and self._plan.has_leftovers

    def set_node(self, node: NodeRules) -> None:
        """Takes effect with the next sync. The family stays the same."""
        self._node = node

    def distrust(self) -> None:
        """Somebody else may have changed the table: the next sync compares it whole."""
        self._in_step = False

    def sync(self, table: ForwardingTable, only: set[ServicePortName] | None = None) -> SyncReport:
        """Make the kernel say what `table` says. Only the named services are compared, if all else is known."""
        if self._in_step and only is not None:
            return self._do(self._plan.partial(table, only, self._node), full=False)
        flags = self._table_flags()
        self._plan = Plan(self._node, flags)
        content = self._socket.content(self._plan.table)
        if content is not None:
            self._plan.table = self._plan.table._replace(flags=self._kept_flags(content.table, flags))
        self._plan.adopt(content)
        report = self._do(self._plan.full(table), full=True)
        self._in_step = True
        return report

    def settle(self) -> SyncReport:
        """Remove leftovers; a second or more after the sync that left them."""
        return self._do(self._plan.settle(), full=False)

    def _do(self, work: Work, *, full: bool) -> SyncReport:
        wanted = [op for op in work.operations if not isinstance(op, AddTable)]
        try:
            for transaction in work.transactions if wanted or self._is_new() else ():
                self._socket.apply(transaction)
        except NetlinkError as error:
            self._in_step = False
            raise self._explained(error) from error
        for forget in work.forget:
            self._forget(forget)
        elements = sum(len(op.elements) for op in wanted if isinstance(op, AddElements | DeleteElements))
        return SyncReport(full=full, operations=len(wanted), elements=elements)

    def _is_new(self) -> bool:
        return not self._in_step and self._own_table

    def _explained(self, error: NetlinkError) -> BackendError:
        if error.errno == EPERM:
            return BackendError(
                f"table kproxy cannot be changed ({error}): run as root with CAP_NET_ADMIN; if another kproxy"
                " holds the table (nft list tables shows flags owner), stop it first"
            )
        return BackendError(f"the kernel refused the rules: {error}; they will be compared and written again")

    def _forget(self, forget: Forget) -> None:
        table = self._plan.table
        stale = [e for e in self._socket.elements(table, forget.map) if e.data in forget.endpoints]
        if not stale:
            return
        try:
            self._socket.apply([DeleteElements(table, forget.map, [Element(e.key) for e in stale])])
        except NetlinkError as error:
            if not error.missing:  # one that timed out meanwhile fails the whole; the others go with it later
                raise
            for element in stale:
                self._forget_one(table, forget.map, element)

    def _forget_one(self, table: Table, name: str, element: Element) -> None:
        try:
            self._socket.apply([DeleteElements(table, name, [Element(element.key)])])
        except NetlinkError as error:
            if not error.missing:
                raise

    def _table_flags(self) -> int:
        """Owner and persist where the kernel has both (6.9): then no foreign flush touches the table."""
        return _OWNER_FLAGS if self._own_table and owner_supported(self._socket) else 0

    @staticmethod
    def _kept_flags(existing: Table, wanted: int) -> int:
        """A table made without an owner cannot get one; an orphan can, and must to be changed by us for good."""
        return wanted if existing.flags & k.TABLE_F_PERSIST else existing.flags

    def service_counts(self) -> list[Count]:
        """From the maps' counters, over a socket of its own."""
        with NftSocket() as socket:
            return [
                Count((name, element.key), element.comment, element.packets or 0)
                for name in (n.SERVICE_IPS, n.SERVICE_NODE_PORTS)
                for element in socket.elements(self._plan.table, name)
            ]

    def endpoint_counts(self, services: Collection[ServicePortName] | None = None) -> list[Count]:
        """One question an element of the named services; what session affinity remembers is not counted."""
        table = self._plan.table
        with NftSocket() as socket:
            if services is None:
                found = [(name, e) for name in INDEXED_MAPS for e in socket.elements(table, name)]
            else:
                found = [
                    (name, e)
                    for name, key in self._plan.endpoint_places(services)
                    if (e := socket.element(table, name, key)) is not None
                ]
        return [_endpoint_count(name, element) for name, element in found]

    def remembered(self, table: ForwardingTable) -> list[Remembered]:
        return recall(self._socket, self._plan.table, table, self._node.family)

    def remember(self, table: ForwardingTable, clients: list[Remembered]) -> None:
        memorize(self._socket, self._plan.table, table, self._node.family, clients)

    def cleanup(self) -> None:
        delete_table(self._socket, nf_family(self._node.family))
        self._in_step = False

    def is_intact(self) -> bool:
        """Nothing to look at: the kernel tells of every change (see watch)."""
        return True

    def watch(self) -> ForeignChanges:
        return ForeignChanges(self._socket.port_id)

    def close(self) -> None:
        """Leaves the rules in force: the table persists without its owner."""
        self._socket.close()


def _endpoint_count(name: str, element: Element) -> Count:
    assert isinstance(element.data, bytes)
    ip, port = element.data[:-4], int.from_bytes(element.data[-4:-2], "big")
    endpoint = f"[{inet_ntop(AF_INET6, ip)}]:{port}" if len(ip) > 4 else f"{inet_ntop(AF_INET, ip)}:{port}"
    return Count((name, element.key), element.comment, element.packets or 0, endpoint)


def make(rules: Mapping[int, NodeRules], *, own_table: bool) -> dict[int, Backend]:
    """Both families over one socket, which owns both tables."""
    socket = NftSocket()
    return {family: NftablesBackend(node, socket, own_table=own_table) for family, node in rules.items()}


def unusable() -> str | None:
    """Tried, not guessed from versions."""
    try:
        with NftSocket() as socket:
            owner_supported(socket)
    except (BackendError, OSError) as error:
        return str(error)
    return None


def clean() -> None:
    """Our tables and those of kube-proxy's nftables mode."""
    with NftSocket() as socket:
        for family in _NF_FAMILIES.values():
            delete_table(socket, family)
            delete_table(socket, family, n.KUBE_PROXY_TABLE)


def take_over() -> None:
    """Remove kube-proxy's own tables, once ours serve."""
    with NftSocket() as socket:
        for family in _NF_FAMILIES.values():
            delete_table(socket, family, n.KUBE_PROXY_TABLE)


def delete_table(socket: NftSocket, family: int, name: str = n.TABLE) -> None:
    """Nothing to do where there is none."""
    try:
        socket.apply([DeleteTable(Table(family, name))])
    except NetlinkError as error:
        if error.errno == EPERM:
            raise BackendError(
                "another process holds the table (nft list tables shows flags owner): stop it, then clean up"
            ) from error
        if not error.missing:
            raise BackendError(f"the table could not be removed: {error}") from error


_owner_supported: bool | None = None


def owner_supported(socket: NftSocket) -> bool:
    """Whether this kernel knows owner and persist together; tried on a table of its own, removed at once."""
    global _owner_supported
    if _owner_supported is None:
        probe = Table(k.NFPROTO_IPV4, f"kproxy-probe-{socket.port_id}", _OWNER_FLAGS)
        try:
            socket.apply([AddTable(probe), DeleteTable(probe._replace(flags=0))])
            _owner_supported = True
        except NetlinkError as error:
            if error.errno not in (EINVAL, EOPNOTSUPP):
                raise BackendError(
                    f"nf_tables cannot be used: {error}; run as root on a kernel with nf_tables (5.13 or later),"
                    " or choose another --proxy-mode"
                ) from error
            _owner_supported = False
    return _owner_supported
