"""BACKENDS, in the order in which `--proxy-mode auto` tries them: the one place to add one."""

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib import import_module
from typing import ClassVar, NamedTuple, Protocol, cast, runtime_checkable

from kproxy.explain import RulesSay
from kproxy.forwarding import ForwardingTable, Remembered, ServicePortName
from kproxy.metrics.counters import Count, PacketCount
from kproxy.node import NodeRules
from kproxy.walk import Packet


class BackendError(Exception):
    """The kernel would not; the message says what to do."""


class RuleCount(NamedTuple):
    """Of one of iptables' tables: rules that are there, and those that a sync wrote."""

    total: int
    written: int


class SyncReport(NamedTuple):
    """What one sync did; 0 operations: the kernel said it already. `rules`: by table, where there are rules."""

    full: bool
    operations: int
    elements: int = 0
    rules: Mapping[str, RuleCount] = {}


class Watch(Protocol):
    """Hears of changes that somebody else makes to the rules."""

    def fileno(self) -> int: ...

    def read(self) -> Iterable[int]:
        """The families whose rules were touched since the last call."""

    def close(self) -> None: ...


class Backend(Protocol):
    """Makes the kernel mean what a ForwardingTable says, for one IP family."""

    name: ClassVar[str]

    def sync(self, table: ForwardingTable, only: set[ServicePortName] | None = None) -> SyncReport:
        """`only` None: everything. Raises BackendError; the sync after that is a full one."""

    def set_node(self, node: NodeRules) -> None: ...

    def distrust(self) -> None:
        """The next sync compares everything with the kernel."""

    @property
    def has_leftovers(self) -> bool: ...

    def settle(self) -> SyncReport:
        """Remove what only packets in flight could need, a second or more after a sync."""

    def is_intact(self) -> bool:
        """Whether the rules are still there, as far as a quick look tells; asked regularly, in a thread."""

    def watch(self) -> Watch | None:
        """For all families that share this backend's rules; None: nothing tells."""

    def close(self) -> None:
        """Stop, leaving the rules in force."""


@runtime_checkable
class Counting(Protocol):
    """A backend whose kernel counts new connections; asked in a thread."""

    def service_counts(self) -> list[Count]: ...

    def endpoint_counts(self, services: Collection[ServicePortName] | None = None) -> list[Count]:
        """Of these services; None: of all, which reads the whole table."""


@runtime_checkable
class CountingPackets(Protocol):
    """A backend whose kernel counts what it did to some packets; asked in a thread."""

    def packet_counts(self) -> list[PacketCount]:
        """Of each kind that it counts."""


@runtime_checkable
class Remembering(Protocol):
    """A backend whose session affinity another one can go on with."""

    def remembered(self, table: ForwardingTable) -> list[Remembered]: ...

    def remember(self, table: ForwardingTable, clients: list[Remembered]) -> None:
        """After the first sync."""


class Factory(Protocol):
    """Makes one backend a family; they may share what they need."""

    def __call__(self, rules: Mapping[int, NodeRules], *, own_table: bool) -> dict[int, Backend]: ...


class Tracer(Protocol):
    """Follows a packet through a backend's rules."""

    def planned(self, table: ForwardingTable, node: NodeRules, packet: Packet) -> RulesSay:
        """Through the rules that a fresh start would write."""

    def live(self, node: NodeRules, packet: Packet) -> RulesSay | None:
        """Through the kernel's own; None: there are none."""


class Entry(NamedTuple):
    """A backend by the name that --proxy-mode takes; its module is imported when it is asked about or chosen."""

    name: str
    module: str
    chains_serve: tuple[str, ...] = ()  # modes that fill the same chains, and so clear them themselves

    def load(self) -> Factory:
        return cast("Factory", import_module(self.module).make)

    def unusable(self) -> str | None:
        """Why it cannot work on this host; None if it can."""
        return cast("Callable[[], str | None]", import_module(self.module).unusable)()

    def tracer(self) -> Tracer:
        return cast("Tracer", import_module(f"{self.module.rpartition('.')[0]}.trace_socket").TRACER)

    def clean(self) -> None:
        """Remove all its rules, also those of a process that is gone."""
        cast("Callable[[], None]", import_module(self.module).clean)()

    def take_over(self) -> None:
        """Remove what kube-proxy left in this backend's kernel tables, beside ours."""
        cast("Callable[[], None]", import_module(self.module).take_over)()


def clean_beside(entry: Entry, serving: str) -> None:
    """Remove an entry's rules while the mode `serving` forwards: what is kube-proxy's in that mode, all of others."""
    if entry.name == serving:
        entry.take_over()
    elif serving not in entry.chains_serve:
        entry.clean()


BACKENDS = (
    Entry("nftables", "kproxy.backends.nftables.apply"),
    Entry("iptables", "kproxy.backends.iptables.apply", ("ipvs",)),
    Entry("userspace", "kproxy.backends.userspace.apply"),
    Entry("ipvs", "kproxy.backends.ipvs.apply"),  # only by name: where it works, iptables does
)
