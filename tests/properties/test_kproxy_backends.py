"""iptables, IPVS and userspace, as nftables in its own file: any order of events ends as a fresh start does, twice is
no operation, a part is as good as the whole, and what ended half-way is mended.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Protocol

from hypothesis import given, settings
from hypothesis import strategies as st

from kproxy.backends.iptables import plan as iptables
from kproxy.backends.ipvs import plan as ipvs
from kproxy.backends.ipvs.pieces import Entry, Real, Server, Virtual
from kproxy.backends.userspace import plan as userspace
from kproxy.forwarding import ForwardingTable, ServicePortName
from linux.iptables.restore import Edit, Saved
from linux.iptables.rules import Jump, Rule, render
from tests.properties.kproxy_steps import NODE_RULES, STEPS, Step, empty_intake, take

_BUILT_IN = {
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
}


class Kernel(Protocol):
    """Keeps what it is told, and stops half-way when it should."""

    def full(self, table: ForwardingTable, stop_after: int | None = None) -> int:
        """By a process that starts anew: how many steps it took, or was to take when it was stopped."""

    def partial(self, table: ForwardingTable, names: Iterable[ServicePortName]) -> int: ...

    def state(self) -> object: ...


class IptablesKernel:
    """Each table is a commit of its own."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, tuple[Rule, ...]]] = {
            table: dict.fromkeys(chains, ()) for table, chains in _BUILT_IN.items()
        }
        self._plan = iptables.Plan(NODE_RULES)

    def full(self, table: ForwardingTable, stop_after: int | None = None) -> int:
        self._plan = iptables.Plan(NODE_RULES)
        saved = {
            name: Saved(
                {
                    c: tuple(f"-A {c} {render(r)}".partition(f"-A {c} ")[2] for r in rules)
                    for c, rules in chains.items()
                }
            )
            for name, chains in self._tables.items()
        }
        return self._carry_out(self._plan.full(table, saved), stop_after)

    def partial(self, table: ForwardingTable, names: Iterable[ServicePortName]) -> int:
        return self._carry_out(self._plan.partial(table, names), None)

    def _carry_out(self, work: iptables.Work, stop_after: int | None) -> int:
        edits = [edit for edit in work.edits if not edit.is_empty]
        for edit in edits[:stop_after]:
            self._commit(edit)
        return len(edits)

    def _commit(self, edit: Edit) -> None:
        chains = self._tables[edit.table]
        chains.update(edit.write)
        chains.update(dict.fromkeys(edit.remove, ()))
        for chain, rule in edit.insert:
            chains[chain] = (rule, *chains[chain])
        for chain in edit.remove:
            del chains[chain]
        for rules in chains.values():
            for rule in rules:
                if isinstance(rule.target, Jump):
                    assert rule.target.chain in chains, "iptables-restore says: no chain by that name"

    def state(self) -> object:
        return self._tables


class IpvsKernel:
    """Virtual servers, set entries and addresses; every one is a message of its own."""

    def __init__(self) -> None:
        self._servers: dict[Virtual, Server] = {}
        self._entries: set[Entry] = set()
        self._addresses: set[str] = set()
        self._plan = ipvs.Plan(NODE_RULES)

    def _read(self) -> ipvs.State:
        return ipvs.State(dict(self._servers), frozenset(self._entries), frozenset(self._addresses))

    def full(self, table: ForwardingTable, stop_after: int | None = None) -> int:
        self._plan = ipvs.Plan(NODE_RULES)
        return self._carry_out(self._plan.full(table, self._read()), stop_after)

    def partial(self, table: ForwardingTable, names: Iterable[ServicePortName]) -> int:
        return self._carry_out(self._plan.partial(table, names), None)

    def _carry_out(self, work: ipvs.Work, stop_after: int | None) -> int:
        messages: list[Callable[[], None]] = []
        messages += [lambda e=e: self._entries.add(e) for e in work.add_entries]  # type: ignore[misc]
        messages += [lambda v=v, s=s: self._put(v, s, {}) for v, s in work.add_servers]  # type: ignore[misc]
        messages += [
            lambda v=v, s=s: self._put(v, s, dict(self._servers[v].reals))
            for v, s in work.set_servers  # type: ignore[misc]
        ]
        messages += [lambda v=v, r=r, w=w: self._weigh(v, r, w) for v, r, w in work.reals]  # type: ignore[misc]
        messages += [lambda a=a: self._addresses.add(a) for a in work.add_addresses]  # type: ignore[misc]
        messages += [lambda a=a: self._addresses.remove(a) for a in work.remove_addresses]  # type: ignore[misc]
        messages += [lambda v=v: self._forget(v) for v in work.remove_servers]  # type: ignore[misc]
        messages += [lambda e=e: self._entries.remove(e) for e in work.remove_entries]  # type: ignore[misc]
        for message in messages[:stop_after]:
            message()
        return len(messages)

    def _put(self, virtual: Virtual, server: Server, reals: dict[Real, int]) -> None:
        self._servers[virtual] = server._replace(reals=reals)

    def _forget(self, virtual: Virtual) -> None:
        del self._servers[virtual]

    def _weigh(self, virtual: Virtual, real: Real, weight: int | None) -> None:
        reals = dict(self._servers[virtual].reals)
        if weight is None:
            del reals[real]
        else:
            reals[real] = weight
        self._servers[virtual] = self._servers[virtual]._replace(reals=reals)

    def state(self) -> object:
        """Those that only finish what they have are as good as gone."""
        servers = {
            virtual: server._replace(reals={real: weight for real, weight in server.reals.items() if weight})
            for virtual, server in self._servers.items()
        }
        return servers, self._entries, self._addresses


class UserspaceKernel:
    """Listeners of one process: they end with it, so that nothing is left half-way."""

    def __init__(self) -> None:
        self._open: dict[userspace.Key, userspace.Route] = {}
        self._ranges: frozenset[str] = frozenset()
        self._plan = userspace.Plan(NODE_RULES)

    def full(self, table: ForwardingTable, stop_after: int | None = None) -> int:
        self._plan = userspace.Plan(NODE_RULES)
        self._open = {}
        return self._carry_out(self._plan.full(table), stop_after)

    def partial(self, table: ForwardingTable, names: Iterable[ServicePortName]) -> int:
        return self._carry_out(self._plan.partial(table, names), None)

    def _carry_out(self, work: userspace.Work, stop_after: int | None) -> int:
        count = 0
        self._ranges = work.local_ranges
        for key, route in list(work.listeners.items())[:stop_after]:
            count += self._open.get(key) != route
            if route is None:
                self._open.pop(key, None)
            else:
                self._open[key] = route
        return count

    def state(self) -> object:
        return self._open, self._ranges


_KERNELS = st.sampled_from([IptablesKernel, IpvsKernel, UserspaceKernel])


def _fresh(make: Callable[[], Kernel], table: ForwardingTable) -> object:
    kernel = make()
    kernel.full(table)
    return kernel.state()


@settings(max_examples=120, deadline=None)
@given(_KERNELS, STEPS)
def test_any_order_of_events_ends_as_a_fresh_start_does(
    make: Callable[[], Kernel], steps: list[Step]
) -> None:
    intake, kernel = empty_intake(), make()
    kernel.full(intake.tables[4])
    for kind, svc in steps:
        take(intake, kind, svc)
        kernel.partial(intake.tables[4], intake.refresh().forwarding[4])
    assert kernel.state() == _fresh(make, intake.tables[4])


@settings(max_examples=60, deadline=None)
@given(_KERNELS, STEPS)
def test_the_same_again_is_no_operation(make: Callable[[], Kernel], steps: list[Step]) -> None:
    intake, kernel = empty_intake(), make()
    for kind, svc in steps:
        take(intake, kind, svc)
    intake.refresh()
    kernel.full(intake.tables[4])
    assert kernel.partial(intake.tables[4], set(intake.tables[4])) == 0


@settings(max_examples=120, deadline=None)
@given(_KERNELS, STEPS, STEPS, st.integers(0, 1 << 30))
def test_what_ended_between_two_messages_is_mended_by_the_next_start(
    make: Callable[[], Kernel], before: list[Step], after: list[Step], seed: int
) -> None:
    intake, kernel, rng = empty_intake(), make(), Random(seed)
    for steps in (before, after, after[::-1]):
        for kind, svc in steps:
            take(intake, kind, svc)
        intake.refresh()
        kernel.full(intake.tables[4], stop_after=rng.randint(0, 40))
    kernel.full(intake.tables[4])
    assert kernel.state() == _fresh(make, intake.tables[4])
