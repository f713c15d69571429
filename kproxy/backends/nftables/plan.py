"""What to change in the kernel's table so that it says what a ForwardingTable says. Decides, does nothing.

`Plan` holds two pictures: what the kernel has, and what it should have. A change of one service costs that
service's elements, whatever the number of others.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from kproxy.backends.nftables import names as n
from kproxy.backends.nftables import skeleton
from kproxy.backends.nftables.pieces import INDEXED_MAPS, Pieces, pieces, shared_chain, shared_chains_behind
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
from linux.nft.expressions import Verdict
from linux.nft.values import Chain, Content, Element, Set, Table

_FIRST_INDEX = struct.pack("=I", 0)
_NODE = ServicePortName("", "", "", "")
"""Owner of the elements that the node's rules ask for; sorts before every service."""


class Forget(NamedTuple):
    """Remove from an affinity map what points at these endpoints."""

    map: str
    endpoints: frozenset[bytes]


class Work(NamedTuple):
    """One transaction, and what is to be forgotten behind it."""

    operations: tuple[Operation, ...] = ()
    forget: tuple[Forget, ...] = ()


class Plan:
    """For one IP family. After a refused transaction start anew from what the kernel has (`adopt`)."""

    def __init__(self, node: NodeRules, table_flags: int = 0) -> None:
        self.table = Table(skeleton.nf_family(node.family), n.TABLE, table_flags)
        self._node = node
        # What the kernel has.
        self._exists = False
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, Set] = {}
        self.elements: dict[str, dict[bytes, Element]] = {}
        # What it should have.
        self._pieces: dict[ServicePortName, Pieces] = {}
        self._claims: dict[str, dict[bytes, tuple[ServicePortName, Element]]] = {}
        self._rivals: dict[tuple[str, bytes], dict[ServicePortName, Element]] = {}
        self._fixed_chains = {chain.name: chain for chain in skeleton.chains(node)}
        self._own_chains: dict[str, Chain] = {}
        self._shared_users: Counter[str] = Counter()
        self._fixed_sets = {item.name: item for item in skeleton.sets(node)}
        self._own_sets: dict[str, Set] = {}
        # Kept until nothing in flight can refer to it.
        self._lingering: dict[str, dict[bytes, None]] = {}
        self._idle_chains: set[str] = set()
        self._idle_sets: set[str] = set()

    @property
    def node(self) -> NodeRules:
        return self._node

    @property
    def has_leftovers(self) -> bool:
        """There is something for `settle`."""
        return bool(self._lingering or self._idle_chains or self._idle_sets)

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
        self._want_nothing()
        self._want(_NODE, Pieces(skeleton.elements(self._node)))
        for name, service in table.items():
            self._want(name, pieces(service, self._node.family))
        if self._must_rebuild():
            operations = (DeleteTable(self.table._replace(flags=0)),) if self._exists else ()
            self.adopt(None)
            return Work((*operations, *self._all_operations()))
        stale = self._stale_memory()
        return Work(tuple(self._all_operations()), stale)

    def partial(
        self, table: ForwardingTable, names: Iterable[ServicePortName], node: NodeRules | None = None
    ) -> Work:
        """These services only, and what a changed `node` changes; the rest is as it was planned last."""
        touched: dict[str, dict[bytes, None]] = {}
        chains: dict[str, None] = {}
        sets: dict[str, None] = {}
        forget: list[Forget] = []
        if node is not None and node != self._node:
            self._renode(node, touched, chains)
        for name in names:
            service = table.get(name)
            old = self._pieces.get(name, Pieces())
            new = pieces(service, self._node.family) if service is not None else Pieces()
            if old == new:
                continue
            self._replace(name, old, new, touched, chains)
            sets |= dict.fromkeys(item.name for item in (*old.sets, *new.sets))
            forget += _forgotten(old, new)
        operations = (
            *self._set_operations(sets),
            *self._chain_operations(chains),
            *self._element_operations(touched),
        )
        return Work(operations, tuple(forget))

    def _renode(
        self, node: NodeRules, touched: dict[str, dict[bytes, None]], chains: dict[str, None]
    ) -> None:
        """No set changes its kind with the node, so that rules and elements are all there is to change."""
        self._node = node
        self._fixed_chains = {chain.name: chain for chain in skeleton.chains(node)}
        chains |= dict.fromkeys(self._fixed_chains)
        new = Pieces(skeleton.elements(node))
        self._replace(_NODE, self._pieces.get(_NODE, Pieces()), new, touched, chains)

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
        return Work(tuple(operations))

    def content(self) -> Content:
        """The whole table as it should be; what a fresh start would write."""
        elements = {
            name: {key: element for key, (_, element) in self._claims.get(name, {}).items()}
            for name in self._wanted_sets()
        }
        return Content(self.table, self._wanted_chains(), self._wanted_sets(), elements)

    # What should be there.

    def _want_nothing(self) -> None:
        self._pieces, self._claims, self._rivals = {}, {}, {}
        self._own_chains, self._own_sets = {}, {}
        self._shared_users = Counter()
        self._lingering, self._idle_chains, self._idle_sets = {}, set(), set()

    def _want(self, name: ServicePortName, new: Pieces) -> None:
        self._pieces[name] = new
        claims = self._claims
        for set_name, element in new.entries:
            bucket = claims.get(set_name)
            if bucket is None:
                bucket = claims[set_name] = {}
            if element.key in bucket:
                self._claim(name, set_name, element)
            else:
                bucket[element.key] = (name, element)
            if isinstance(element.data, Verdict):
                self._shared_users[element.data.chain] += 1
        self._want_own(new)

    def _want_own(self, new: Pieces) -> None:
        for chain in new.chains:
            self._own_chains[chain.name] = chain
            for target in _targets(chain):
                self._shared_users[target] += 1
        for item in new.sets:
            self._own_sets[item.name] = item

    def _claim(self, owner: ServicePortName, set_name: str, element: Element) -> None:
        """Of several owners of one key the first by name has it."""
        bucket = self._claims.setdefault(set_name, {})
        holder = bucket.get(element.key)
        if holder is None or holder[0] == owner:
            bucket[element.key] = (owner, element)
            return
        rivals = self._rivals.setdefault((set_name, element.key), {})
        if owner < holder[0]:
            bucket[element.key] = (owner, element)
            rivals[holder[0]] = holder[1]
        else:
            rivals[owner] = element

    def _release(self, owner: ServicePortName, set_name: str, key: bytes) -> None:
        bucket = self._claims[set_name]
        rivals = self._rivals.get((set_name, key), {})
        if key not in bucket or bucket[key][0] != owner:
            rivals.pop(owner, None)
        elif rivals:
            heir = min(rivals)
            bucket[key] = (heir, rivals.pop(heir))
        else:
            del bucket[key]
        if not rivals:
            self._rivals.pop((set_name, key), None)

    def _replace(
        self,
        name: ServicePortName,
        old: Pieces,
        new: Pieces,
        touched: dict[str, dict[bytes, None]],
        chains: dict[str, None],
    ) -> None:
        kept = set(new.entries) & set(old.entries)
        for set_name, element in old.entries:
            if isinstance(element.data, Verdict):
                self._shared_users[element.data.chain] -= 1
                chains |= dict.fromkeys(shared_chains_behind(element.data.chain))
            if (set_name, element) not in kept:
                self._release(name, set_name, element.key)
                touched.setdefault(set_name, {})[element.key] = None
        for chain in old.chains:
            self._own_chains.pop(chain.name, None)
            chains[chain.name] = None
            for target in _targets(chain):
                self._shared_users[target] -= 1
                chains[target] = None
        for item in old.sets:
            self._own_sets.pop(item.name, None)
        for set_name, element in new.entries:
            if isinstance(element.data, Verdict):
                self._shared_users[element.data.chain] += 1
                chains |= dict.fromkeys(shared_chains_behind(element.data.chain))
            if (set_name, element) not in kept:
                self._claim(name, set_name, element)
                touched.setdefault(set_name, {})[element.key] = None
        self._want_own(new)
        for chain in new.chains:
            chains[chain.name] = None
            chains |= dict.fromkeys(_targets(chain))
        if new.entries:
            self._pieces[name] = new
        else:
            self._pieces.pop(name, None)

    def _wanted_chain(self, name: str) -> Chain | None:
        fixed = self._fixed_chains.get(name) or self._own_chains.get(name)
        if fixed is not None:
            return fixed
        return shared_chain(name, self._node.family) if self._is_used(name) else None

    def _is_used(self, name: str) -> bool:
        if self._shared_users[name] > 0:
            return True
        prefix, _, count = name.rpartition("-")
        behind = {n.PICK: n.EXTERNAL, n.PICK_NODE_PORT: n.NODE_PORT_EXTERNAL}.get(prefix)
        return behind is not None and self._shared_users[f"{behind}-{count}"] > 0

    def _wanted_chains(self) -> dict[str, Chain]:
        used = [name for name, count in self._shared_users.items() if count > 0]
        behind = {name for user in used for name in shared_chains_behind(user)}
        shared = {name: chain for name in sorted(behind) if (chain := shared_chain(name, self._node.family))}
        return {**self._fixed_chains, **shared, **self._own_chains}

    def _wanted_sets(self) -> dict[str, Set]:
        return {**self._fixed_sets, **self._own_sets}

    # How to get there.

    def _must_rebuild(self) -> bool:
        """Something has the right name and the wrong kind: only making the table anew changes that."""
        wanted_chains = self._wanted_chains()
        return any(
            name in wanted_chains and chain.hook != wanted_chains[name].hook
            for name, chain in self.chains.items()
        ) or any(
            name in wanted and _kind(item) != _kind(wanted[name])
            for wanted in (self._wanted_sets(),)
            for name, item in self.sets.items()
        )

    def _all_operations(self) -> Iterator[Operation]:
        yield AddTable(self.table)
        self._exists = True
        wanted_sets = self._wanted_sets()
        yield from self._set_operations({**wanted_sets, **self.sets})
        yield from self._chain_operations({**self._wanted_chains(), **self.chains})
        everything = {
            name: {**dict.fromkeys(self._claims.get(name, {})), **dict.fromkeys(self.elements.get(name, {}))}
            for name in wanted_sets
            if name not in self._own_sets
        }
        yield from self._element_operations(everything)

    def _set_operations(self, names: Iterable[str]) -> Iterator[Operation]:
        for name in names:
            wanted = self._fixed_sets.get(name) or self._own_sets.get(name)
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
            wanted = self._wanted_chain(name)
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
        claims = self._claims.get(set_name, {})
        existing = self.elements.setdefault(set_name, {})
        out: list[Element] = []
        new: list[Element] = []
        for key in keys:
            claim = claims.get(key)
            have = existing.get(key)
            if claim is not None:  # an index that is in use again must outlive `settle`
                self._lingering.get(set_name, {}).pop(key, None)
            want = claim[1] if claim is not None else self._lingerer(set_name, key, have)
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
        first = self._claims[set_name].get(key[:-4] + _FIRST_INDEX) if set_name in self._claims else None
        if first is None:
            self._lingering.get(set_name, {}).pop(key, None)
            return None
        self._lingering.setdefault(set_name, {})[key] = None
        return first[1]._replace(key=key)

    def _stale_memory(self) -> tuple[Forget, ...]:
        """Adopted affinity maps may hold endpoints that went while nobody looked."""
        found = []
        for piece in self._pieces.values():
            for name, allowed in piece.remembered:
                known = {e.data for e in self.elements.get(name, {}).values() if isinstance(e.data, bytes)}
                if known - allowed:
                    found.append(Forget(name, frozenset(known - allowed)))
        return tuple(found)


def _targets(chain: Chain) -> list[str]:
    return [
        e.chain
        for rule in chain.rules
        for e in rule.expressions
        if isinstance(e, Verdict) and e.chain != n.MARK
    ]


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
