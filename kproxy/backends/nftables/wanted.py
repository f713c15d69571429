"""What a table should hold: the node's part and each service port's, and who has what when two claim the same."""

from collections import Counter
from collections.abc import Mapping

import msgspec

from kproxy.backends.nftables import names as n
from kproxy.backends.nftables import skeleton
from kproxy.backends.nftables.pieces import Pieces, pieces, shared_chain, shared_chains_behind
from kproxy.forwarding import ServiceForwarding, ServicePortName
from kproxy.node import NodeRules
from linux.nft.expressions import Verdict
from linux.nft.values import Chain, Element, Set

NODE = ServicePortName("", "", "", "")
"""Owner of the elements that the node's rules ask for; sorts before every service."""


class Touched(msgspec.Struct):
    """What a change may have changed: keys by set, names of chains, names of sets; in order, without repeats."""

    elements: dict[str, dict[bytes, None]] = msgspec.field(default_factory=dict)
    chains: dict[str, None] = msgspec.field(default_factory=dict)
    sets: dict[str, None] = msgspec.field(default_factory=dict)

    def element(self, set_name: str, key: bytes) -> None:
        keys = self.elements.get(set_name)
        if keys is None:
            keys = self.elements[set_name] = {}
        keys[key] = None


class Wanted:
    """For one IP family. Of several owners of one key the first by name has it, in whatever order they came."""

    def __init__(self, node: NodeRules) -> None:
        self.node = node
        self.pieces: dict[ServicePortName, Pieces] = {}
        self._claims: dict[str, dict[bytes, tuple[ServicePortName, Element]]] = {}
        self._rivals: dict[tuple[str, bytes], dict[ServicePortName, Element]] = {}
        self._fixed_chains = {chain.name: chain for chain in skeleton.chains(node)}
        self._fixed_sets = {item.name: item for item in skeleton.sets(node)}
        self._own_chains: dict[str, Chain] = {}
        self._own_sets: dict[str, Set] = {}
        self._users: Counter[str] = Counter()
        self._want(NODE, Pieces(skeleton.elements(node)))

    # What there should be.

    def chain(self, name: str) -> Chain | None:
        found = self._fixed_chains.get(name) or self._own_chains.get(name)
        if found is not None:
            return found
        return shared_chain(name, self.node.family) if self._is_used(name) else None

    def chains(self) -> dict[str, Chain]:
        used = [name for name, count in self._users.items() if count > 0]
        behind = {name for user in used for name in shared_chains_behind(user)}
        shared = {name: chain for name in sorted(behind) if (chain := shared_chain(name, self.node.family))}
        return {**self._fixed_chains, **shared, **self._own_chains}

    def set(self, name: str) -> Set | None:
        return self._fixed_sets.get(name) or self._own_sets.get(name)

    def sets(self) -> dict[str, Set]:
        return {**self._fixed_sets, **self._own_sets}

    def is_dynamic(self, set_name: str) -> bool:
        """Packets fill it, not plans."""
        return set_name in self._own_sets

    def element(self, set_name: str, key: bytes) -> Element | None:
        claim = self._claims.get(set_name, {}).get(key)
        return claim[1] if claim is not None else None

    def elements(self, set_name: str) -> Mapping[bytes, tuple[ServicePortName, Element]]:
        """With their owners."""
        return self._claims.get(set_name, {})

    # Changes.

    def add_all(self, services: Mapping[ServicePortName, ServiceForwarding]) -> None:
        """Into an empty picture."""
        for name, service in services.items():
            self._want(name, pieces(service, self.node.family))

    def change(
        self, name: ServicePortName, service: ServiceForwarding | None, touched: Touched
    ) -> tuple[Pieces, Pieces]:
        """One service port; what it had and what it has."""
        old = self.pieces.get(name, Pieces())
        new = pieces(service, self.node.family) if service is not None else Pieces()
        if old != new:
            self._replace(name, old, new, touched)
        return old, new

    def change_node(self, node: NodeRules, touched: Touched) -> None:
        """No set changes its kind with the node, so that rules and elements are all there is to change."""
        self.node = node
        self._fixed_chains = {chain.name: chain for chain in skeleton.chains(node)}
        touched.chains |= dict.fromkeys(self._fixed_chains)
        self._replace(NODE, self.pieces[NODE], Pieces(skeleton.elements(node)), touched)

    def _want(self, name: ServicePortName, new: Pieces) -> None:
        self.pieces[name] = new
        claims, users = self._claims, self._users
        for set_name, element in new.entries:
            bucket = claims.get(set_name)
            if bucket is None:
                bucket = claims[set_name] = {}
            if element.key in bucket:
                self._claim(name, set_name, element)
            else:
                bucket[element.key] = (name, element)
            if isinstance(element.data, Verdict):
                users[element.data.chain] += 1
        self._want_own(new)

    def _want_own(self, new: Pieces) -> None:
        for chain in new.chains:
            self._own_chains[chain.name] = chain
            for target in _targets(chain):
                self._users[target] += 1
        for item in new.sets:
            self._own_sets[item.name] = item

    def _claim(self, owner: ServicePortName, set_name: str, element: Element) -> None:
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

    def _replace(self, name: ServicePortName, old: Pieces, new: Pieces, touched: Touched) -> None:
        kept = set(new.entries) & set(old.entries)
        for set_name, element in old.entries:
            self._count(element, -1, touched)
            if (set_name, element) not in kept:
                self._release(name, set_name, element.key)
                touched.element(set_name, element.key)
        for chain in old.chains:
            self._own_chains.pop(chain.name, None)
            touched.chains[chain.name] = None
            for target in _targets(chain):
                self._users[target] -= 1
                touched.chains[target] = None
        for item in old.sets:
            self._own_sets.pop(item.name, None)
        for set_name, element in new.entries:
            self._count(element, 1, touched)
            if (set_name, element) not in kept:
                self._claim(name, set_name, element)
                touched.element(set_name, element.key)
        self._want_own(new)
        for chain in new.chains:
            touched.chains |= dict.fromkeys((*_targets(chain), chain.name))
        touched.sets |= dict.fromkeys(item.name for item in (*old.sets, *new.sets))
        if new.entries or name == NODE:
            self.pieces[name] = new
        else:
            self.pieces.pop(name, None)

    def _count(self, element: Element, change: int, touched: Touched) -> None:
        if isinstance(element.data, Verdict):
            self._users[element.data.chain] += change
            touched.chains |= dict.fromkeys(shared_chains_behind(element.data.chain))

    def _is_used(self, name: str) -> bool:
        if self._users[name] > 0:
            return True
        prefix, _, count = name.rpartition("-")
        before = {n.PICK: n.EXTERNAL, n.PICK_NODE_PORT: n.NODE_PORT_EXTERNAL}.get(prefix)
        return before is not None and self._users[f"{before}-{count}"] > 0


def _targets(chain: Chain) -> list[str]:
    return [
        e.chain
        for rule in chain.rules
        for e in rule.expressions
        if isinstance(e, Verdict) and e.chain != n.MARK
    ]
