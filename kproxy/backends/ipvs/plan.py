"""What to change in IPVS, the sets and the device so that they say what a ForwardingTable says. Decides, does nothing."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kproxy.backends.ipvs.pieces import (
    NOTHING,
    Entry,
    Pieces,
    Real,
    Server,
    Virtual,
    is_excluded,
    pieces,
)
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.node import NodeRules


class State(NamedTuple):
    """Of one family: as it should be, or as the kernel says it is."""

    servers: Mapping[Virtual, Server]
    entries: frozenset[Entry]
    addresses: frozenset[str]


EMPTY = State({}, frozenset(), frozenset())


class Work(NamedTuple):
    """Carried out in this order, so that an address is announced when it is served and served until it is gone.

    `reals`: the weight, 0 for those that only finish what they have, None to remove at once.
    """

    add_entries: tuple[Entry, ...] = ()
    add_servers: tuple[tuple[Virtual, Server], ...] = ()
    set_servers: tuple[tuple[Virtual, Server], ...] = ()
    reals: tuple[tuple[Virtual, Real, int | None], ...] = ()
    add_addresses: tuple[str, ...] = ()
    remove_addresses: tuple[str, ...] = ()
    remove_servers: tuple[Virtual, ...] = ()
    remove_entries: tuple[Entry, ...] = ()

    @property
    def size(self) -> int:
        return sum(map(len, self))


def difference(before: State, after: State) -> Work:
    """From one to the other. Real servers of TCP finish their connections; datagrams have none to finish."""
    set_servers, reals = [], []
    for virtual, server in after.servers.items():
        old = before.servers.get(virtual)
        if old is not None and old[:2] != server[:2]:
            set_servers.append((virtual, server))
        reals += [(virtual, *change) for change in _real_changes(virtual, old, server)]
    return Work(
        add_entries=tuple(sorted(after.entries - before.entries)),
        add_servers=tuple((v, s) for v, s in after.servers.items() if v not in before.servers),
        set_servers=tuple(set_servers),
        reals=tuple(reals),
        add_addresses=tuple(sorted(after.addresses - before.addresses)),
        remove_addresses=tuple(sorted(before.addresses - after.addresses)),
        remove_servers=tuple(v for v in before.servers if v not in after.servers),
        remove_entries=tuple(sorted(before.entries - after.entries)),
    )


def _real_changes(virtual: Virtual, old: Server | None, new: Server) -> list[tuple[Real, int | None]]:
    there = {} if old is None else old.reals
    changes: list[tuple[Real, int | None]] = []
    changes += [(real, weight) for real, weight in new.reals.items() if there.get(real) != weight]
    for real in there:
        if real not in new.reals:
            changes.append((real, 0 if virtual.protocol == "TCP" else None))
    return changes


class Plan:
    """For one IP family: what every service needs, and who needs it."""

    def __init__(self, node: NodeRules) -> None:
        self.node = node
        self._pieces: dict[ServicePortName, Pieces] = {}
        self._claims: dict[Virtual, dict[ServicePortName, Server]] = {}
        self._entries: Counter[Entry] = Counter()
        self._addresses: Counter[str] = Counter()
        self._guarded: Counter[Virtual] = Counter()

    def full(self, table: ForwardingTable, kernel: State) -> Work:
        """Against what the kernel says."""
        self._fill(table)
        return difference(self._own(kernel), self.wanted())

    def agrees(self, wanted: State, kernel: State) -> bool:
        """Whether a full sync would change nothing; real servers that are leaving may still be there."""
        work = difference(self._own(kernel), wanted)
        leaving = self.leaving(kernel)
        return not work._replace(reals=()).size and all(
            weight == 0 and (virtual, real) in leaving for virtual, real, weight in work.reals
        )

    def leaving(self, kernel: State) -> set[tuple[Virtual, Real]]:
        """Real servers that a predecessor, or an earlier sync, told to take no more."""
        servers = self._own(kernel).servers.items()
        return {(virtual, real) for virtual, s in servers for real, weight in s.reals.items() if not weight}

    def _own(self, kernel: State) -> State:
        """Virtual servers within excludeCIDRs are somebody else's."""
        excluded = self.node.ipvs.excluded_cidrs
        own = {v: s for v, s in kernel.servers.items() if not is_excluded(v.ip, excluded)}
        return kernel._replace(servers=own)

    def partial(
        self, table: ForwardingTable, names: Iterable[ServicePortName], node: NodeRules | None = None
    ) -> Work:
        """These services only; all of them when what holds for the node has changed."""
        if node is not None and node != self.node:
            before = self.wanted()
            self.node = node
            self._fill(table)
            return difference(before, self.wanted())
        old = {name: self._pieces.get(name, NOTHING) for name in names}
        new = {name: pieces(table[name], self.node) if name in table else NOTHING for name in old}
        changed = [name for name in old if old[name] != new[name]]
        touched = [piece for name in changed for piece in (old[name], new[name])]
        before = self._only(touched)
        for name in changed:
            self._remove(name)
            if name in table:
                self._add(name, new[name])
        return difference(before, self._only(touched))

    def wanted(self) -> State:
        servers = {virtual: claims[min(claims)] for virtual, claims in self._claims.items()}
        return State(servers, frozenset(self._entries), frozenset(self._addresses))

    @property
    def guarded(self) -> frozenset[Virtual]:
        """Virtual servers that are not for the node itself."""
        return frozenset(self._guarded)

    def _fill(self, table: ForwardingTable) -> None:
        self._pieces, self._claims = {}, {}
        self._entries, self._addresses, self._guarded = Counter(), Counter(), Counter()
        for name, service in table.items():
            self._add(name, pieces(service, self.node))

    def _only(self, touched: Iterable[Pieces]) -> State:
        """What of these is in force."""
        virtuals = {v for piece in touched for v in piece.servers if v in self._claims}
        servers = {v: self._claims[v][min(self._claims[v])] for v in sorted(virtuals)}
        entries = {e for piece in touched for e in piece.entries if e in self._entries}
        addresses = {a for piece in touched for a in piece.addresses if a in self._addresses}
        return State(servers, frozenset(entries), frozenset(addresses))

    def _add(self, name: ServicePortName, piece: Pieces) -> None:
        self._pieces[name] = piece
        for virtual, server in piece.servers.items():
            self._claims.setdefault(virtual, {})[name] = server
        self._entries.update(piece.entries)
        self._addresses.update(piece.addresses)
        self._guarded.update(piece.guarded)

    def _remove(self, name: ServicePortName) -> None:
        piece = self._pieces.pop(name, NOTHING)
        for virtual in piece.servers:
            claims = self._claims[virtual]
            del claims[name]
            if not claims:
                del self._claims[virtual]
        for counter, items in (
            (self._entries, piece.entries),
            (self._addresses, piece.addresses),
            (self._guarded, piece.guarded),
        ):
            for item in items:
                _less(counter, item)  # type: ignore[arg-type]  # one counter a kind of item


def _less(counter: Counter[object], item: object) -> None:
    counter[item] -= 1
    if counter[item] <= 0:
        del counter[item]
