"""What to change in the kernel's table so that it says what a ForwardingTable says. Decides, does nothing.

A change of one service costs that service's elements, whatever the number of others.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kproxy.backends.nftables import names as n
from kproxy.backends.nftables import skeleton
from kproxy.backends.nftables.pieces import INDEXED_MAPS, NOTHING, Pieces
from kproxy.backends.nftables.wanted import Touched, Wanted
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.node import NodeRules
from linux.nft import constants as k
from linux.nft.batch import (
    AddChain,
    AddElements,
    AddRule,
    AddSet,
    AddTable,
    DeleteChain,
    DeleteElements,
    DeleteSet,
    DeleteTable,
    FlushChain,
    Operation,
)
from linux.nft.values import Chain, Content, Element, Set, Table

_CHUNK_ELEMENTS = 2000
_ENTRANCES = (
    n.SHORT_CIRCUIT_IPS,
    n.SHORT_CIRCUIT_NODE_PORTS,
    n.LOCAL_ONLY_IPS,
    n.LOCAL_ONLY_NODE_PORTS,
    n.SERVICE_NODE_PORTS,
    n.SERVICE_IPS,
)
_FIRST_INDEX = struct.pack("=I", 0)


class Forget(NamedTuple):
    """Remove from an affinity map what points at these endpoints."""

    map: str
    endpoints: frozenset[bytes]


class Work(NamedTuple):
    """Transactions, one after the other, and what is to be forgotten behind them."""

    transactions: tuple[tuple[Operation, ...], ...] = ()
    forget: tuple[Forget, ...] = ()

    @property
    def operations(self) -> tuple[Operation, ...]:
        return tuple(operation for transaction in self.transactions for operation in transaction)


def _one(operations: Iterable[Operation], forget: Iterable[Forget] = ()) -> Work:
    found = tuple(operations)
    return Work((found,) if found else (), tuple(forget))


class Plan:
    """What the kernel has beside what it should have, for one IP family.

    Each method takes its transaction for done: after a refused one start anew from what the kernel has (`adopt`).
    """

    def __init__(self, node: NodeRules, table_flags: int = 0) -> None:
        self.table = Table(skeleton.nf_family(node.family), n.TABLE, table_flags)
        self._wanted = Wanted(node)
        # What the kernel has.
        self._exists = False
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, Set] = {}
        self.elements: dict[str, dict[bytes, Element]] = {}
        # What stays until no packet in flight can refer to it.
        self._lingering: dict[str, dict[bytes, None]] = {}
        self._idle_chains: set[str] = set()
        self._idle_sets: set[str] = set()

    @property
    def node(self) -> NodeRules:
        return self._wanted.node

    @property
    def has_leftovers(self) -> bool:
        """There is something for `settle`."""
        return bool(any(self._lingering.values()) or self._idle_chains or self._idle_sets)

    def adopt(self, content: Content | None) -> None:
        """Take what the kernel has as it is; the next `full` writes the difference alone."""
        self._exists = content is not None
        self.chains, self.sets, self.elements = {}, {}, {}
        if content is None:
            return
        self.chains = {
            name: chain._replace(rules=tuple(rule._replace(handle=0) for rule in chain.rules))
            for name, chain in content.chains.items()
        }
        self.sets = dict(content.sets)
        self.elements = {
            name: {key: Element(e.key, e.data, e.comment, e.end, flags=e.flags) for key, e in found.items()}
            for name, found in content.elements.items()
        }

    def full(self, table: ForwardingTable) -> Work:
        """Everything, compared with everything."""
        self._wanted = Wanted(self.node)
        self._wanted.add_all(table)
        self._lingering, self._idle_chains, self._idle_sets = {}, set(), set()
        if self._must_rebuild():
            operations = (DeleteTable(self.table._replace(flags=0)),) if self._exists else ()
            self.adopt(None)
            return _one((*operations, *self._all_operations()))
        stale = self._stale_memory()
        if self._exists:
            return _one(self._all_operations(), stale)
        return Work(tuple(_in_chunks(tuple(self._all_operations()))))

    def partial(
        self, table: ForwardingTable, names: Iterable[ServicePortName], node: NodeRules | None = None
    ) -> Work:
        """These services only, and what a changed `node` changes; the rest is as it was planned last."""
        touched = Touched()
        forget: list[Forget] = []
        if node is not None and node != self.node:
            self._wanted.change_node(node, touched)
        for name in names:
            old, new = self._wanted.change(name, table.get(name), touched)
            forget += _forgotten(old, new)
        return _one(self._operations(touched.sets, touched.chains, touched.elements), forget)

    def settle(self) -> Work:
        """Remove what only packets in flight could still have needed. A second or more after the last change."""
        operations: list[Operation] = []
        for set_name, keys in self._lingering.items():
            gone = [e for key in keys if (e := self.elements[set_name].pop(key, None)) is not None]
            operations += [DeleteElements(self.table, set_name, gone)] if gone else []
        chains = [name for name in sorted(self._idle_chains) if name in self.chains]
        operations += [FlushChain(self.table, name) for name in chains]
        operations += [DeleteChain(self.table, name) for name in chains]
        operations += [DeleteSet(self.table, name) for name in sorted(self._idle_sets) if name in self.sets]
        for name in chains:
            del self.chains[name]
        for name in self._idle_sets:
            self.sets.pop(name, None)
            self.elements.pop(name, None)
        self._lingering, self._idle_chains, self._idle_sets = {}, set(), set()
        return _one(operations)

    def endpoint_places(self, names: Iterable[ServicePortName]) -> Iterator[tuple[str, bytes]]:
        """Map and key of these services' endpoints."""
        for name in names:
            for set_name, element in self._wanted.pieces.get(name, NOTHING).entries:
                if set_name in INDEXED_MAPS:
                    yield set_name, element.key

    def content(self) -> Content:
        """The whole table as it should be; what a fresh start would write."""
        wanted = self._wanted
        elements = {
            name: {key: element for key, (_, element) in wanted.elements(name).items()}
            for name in wanted.sets()
        }
        return Content(self.table, wanted.chains(), wanted.sets(), elements)

    def _must_rebuild(self) -> bool:
        """Something has the right name and the wrong kind: only making the table anew changes that."""
        chains, sets = self._wanted.chains(), self._wanted.sets()
        return any(
            name in chains and chain.hook != chains[name].hook for name, chain in self.chains.items()
        ) or any(name in sets and _kind(item) != _kind(sets[name]) for name, item in self.sets.items())

    def _all_operations(self) -> Iterator[Operation]:
        yield AddTable(self.table)
        self._exists = True
        sets = self._wanted.sets()
        elements = {
            name: {**dict.fromkeys(self._wanted.elements(name)), **dict.fromkeys(self.elements.get(name, {}))}
            for name in sets
            if not self._wanted.is_dynamic(name)
        }
        yield from self._operations({**sets, **self.sets}, {**self._wanted.chains(), **self.chains}, elements)

    def _operations(
        self, sets: Iterable[str], chains: Iterable[str], elements: Mapping[str, Iterable[bytes]]
    ) -> Iterator[Operation]:
        """In the order that the kernel needs: what is referred to comes first."""
        yield from self._set_operations(sets)
        yield from self._chain_operations(chains)
        yield from self._element_operations(elements)

    def _set_operations(self, names: Iterable[str]) -> Iterator[Operation]:
        for name in names:
            wanted = self._wanted.set(name)
            if wanted is None:
                if name in self.sets:
                    self._idle_sets.add(name)
                continue
            self._idle_sets.discard(name)
            if name not in self.sets:
                self.sets[name] = wanted
                self.elements[name] = {}
                yield AddSet(self.table, wanted)

    def _chain_operations(self, names: Iterable[str]) -> Iterator[Operation]:
        """All new chains before any rule: rules may go to each of them."""
        changed: list[Chain] = []
        for name in names:
            wanted = self._wanted.chain(name)
            if wanted is None:
                if name in self.chains:
                    self._idle_chains.add(name)
                continue
            self._idle_chains.discard(name)
            existing = self.chains.get(name)
            if existing is None:
                yield AddChain(self.table, wanted)
            elif existing.rules == wanted.rules:
                continue
            changed.append(wanted)
        for chain in changed:
            if chain.name in self.chains and self.chains[chain.name].rules:
                yield FlushChain(self.table, chain.name)
            for rule in chain.rules:
                yield AddRule(self.table, chain.name, rule)
            self.chains[chain.name] = chain

    def _element_operations(self, touched: Mapping[str, Iterable[bytes]]) -> Iterator[Operation]:
        removed: list[Operation] = []
        added: list[Operation] = []
        for set_name, keys in touched.items():
            out, new = self._compare(set_name, keys)
            if out:
                removed.append(DeleteElements(self.table, set_name, out))
            if new:
                added.append(AddElements(self.table, set_name, new))
        yield from removed
        yield from added

    def _compare(self, set_name: str, keys: Iterable[bytes]) -> tuple[list[Element], list[Element]]:
        claims = self._wanted.elements(set_name)
        existing = self.elements.setdefault(set_name, {})
        lingering = self._lingering.get(set_name, {})
        out: list[Element] = []
        new: list[Element] = []
        for key in keys:
            claim = claims.get(key)
            have = existing.get(key)
            if claim is not None:
                want: Element | None = claim[1]
                lingering.pop(key, None)
            else:
                want = self._lingerer(set_name, key, have)
            if want == have:
                continue
            if have is not None:
                out.append(have)
            if want is None:
                del existing[key]
            else:
                existing[key] = want
                new.append(want)
        return out, new

    def _lingerer(self, set_name: str, key: bytes, have: Element | None) -> Element | None:
        """An index beyond the last, while its service still has others: it stays, pointing at a live endpoint.

        A packet reads the chain's modulus and the map in two steps; between them a transaction may commit.
        """
        if have is None or set_name not in INDEXED_MAPS:
            return None
        first = self._wanted.element(set_name, key[:-4] + _FIRST_INDEX)
        if first is None:
            self._lingering.get(set_name, {}).pop(key, None)
            return None
        self._lingering.setdefault(set_name, {})[key] = None
        return first._replace(key=key)

    def _stale_memory(self) -> tuple[Forget, ...]:
        """Adopted affinity maps may hold endpoints that went while nobody looked."""
        found = []
        for piece in self._wanted.pieces.values():
            for name, allowed in piece.remembered:
                known = {e.data for e in self.elements.get(name, {}).values() if isinstance(e.data, bytes)}
                if known - allowed:
                    found.append(Forget(name, frozenset(known - allowed)))
        return tuple(found)


def _in_chunks(operations: tuple[Operation, ...]) -> Iterator[tuple[Operation, ...]]:
    """The first load of a table that nobody uses yet, what packets find first coming last.

    In one transaction the kernel's hash tables fill faster than they grow, for they grow in the background:
    80,000 elements took between 0.3 and 1.4 s at once, 0.25 s in these chunks (kernel 6.18).
    """
    yield tuple(op for op in operations if not isinstance(op, AddElements))
    adds = [op for op in operations if isinstance(op, AddElements)]
    for add in sorted(adds, key=lambda op: _ENTRANCES.index(op.set) if op.set in _ENTRANCES else -1):
        for start in range(0, len(add.elements), _CHUNK_ELEMENTS):
            yield (add._replace(elements=add.elements[start : start + _CHUNK_ELEMENTS]),)


def _forgotten(old: Pieces, new: Pieces) -> list[Forget]:
    allowed = dict(new.remembered)
    return [
        Forget(name, endpoints - allowed[name])
        for name, endpoints in old.remembered
        if name in allowed and endpoints - allowed[name]
    ]


def _kind(item: Set) -> tuple[object, ...]:
    """What cannot be changed in place."""
    flags = item.flags & (k.SET_MAP | k.SET_INTERVAL | k.SET_TIMEOUT | k.SET_EVAL | k.SET_CONCAT)
    return (item.key_type, item.key_bytes, flags, item.data_type, item.counters)
