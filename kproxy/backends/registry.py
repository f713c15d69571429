"""BACKENDS, in the order in which `--proxy-mode auto` tries them: the one place to add one."""

from collections.abc import Callable
from importlib import import_module
from typing import ClassVar, NamedTuple, Protocol, cast

from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.node import NodeRules


class BackendError(Exception):
    """The kernel would not; the message says what to do."""


class SyncReport(NamedTuple):
    """What one sync did; 0 operations: the kernel said it already."""

    full: bool
    operations: int
    elements: int = 0


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

    def cleanup(self) -> None: ...

    def close(self) -> None:
        """Stop, leaving the rules in force."""


class Entry(NamedTuple):
    """A backend by the name that --proxy-mode takes; `module` is imported when it is chosen."""

    name: str
    module: str
    factory: str

    def load(self) -> Callable[[NodeRules], Backend]:
        return cast("Callable[[NodeRules], Backend]", getattr(import_module(self.module), self.factory))


BACKENDS = (Entry("nftables", "kproxy.backends.nftables.apply", "NftablesBackend"),)
