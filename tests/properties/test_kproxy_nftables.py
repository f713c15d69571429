"""Any walk through changes ends where a fresh start does; doing it twice does nothing; what is written is read back."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kproxy.backends.nftables.plan import Plan, Work
from kproxy.walk import walk
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
)
from linux.nft.trace import trace
from linux.nft.values import Chain, Content, Element, Set
from tests.flows.kproxy_values import EXT, LB, NODE, POD, VIP, VIP2, XIP
from tests.properties.kproxy_steps import IPS, NODE_RULES, STEPS, Step, empty_intake, take


class FakeTable:
    """Carries out transactions as the kernel does, and is as strict about what is there."""

    def __init__(self) -> None:
        self.content: Content | None = None
        self.chains: dict[str, Chain] = {}
        self.sets: dict[str, Set] = {}
        self.elements: dict[str, dict[bytes, Element]] = {}

    def apply(self, work: Work) -> None:
        for op in work.operations:
            self._do(op)
        for forget in work.forget:
            assert forget.map in self.sets

    def _do(self, op: Any) -> None:
        match op:
            case AddTable() | DeleteTable():
                if isinstance(op, DeleteTable):
                    self.chains, self.sets, self.elements = {}, {}, {}
            case AddChain():
                assert op.chain.name not in self.chains
                self.chains[op.chain.name] = op.chain._replace(rules=())
            case DeleteChain():
                assert not self.chains[op.name].rules
                del self.chains[op.name]
                self._check_no_reference(op.name)
            case FlushChain():
                self.chains[op.name] = self.chains[op.name]._replace(rules=())
            case AddRule():
                chain = self.chains[op.chain]
                self.chains[op.chain] = chain._replace(rules=(*chain.rules, op.rule))
            case AddSet():
                assert op.set.name not in self.sets
                self.sets[op.set.name] = op.set
                self.elements[op.set.name] = {}
            case DeleteSet():
                del self.sets[op.name]
                del self.elements[op.name]
            case AddElements():
                for element in op.elements:
                    assert element.key not in self.elements[op.set], "the kernel says EEXIST"
                    if (
                        element.data is not None
                        and not isinstance(element.data, bytes)
                        and element.data.chain
                    ):
                        assert element.data.chain in self.chains, "the kernel says ENOENT"
                    self.elements[op.set][element.key] = element
            case DeleteElements():
                for element in op.elements:
                    del self.elements[op.set][element.key]
            case _:
                raise AssertionError(op)

    def _check_no_reference(self, chain: str) -> None:
        for elements in self.elements.values():
            for element in elements.values():
                assert getattr(element.data, "chain", None) != chain, "the kernel says EBUSY"

    def read(self, plan: Plan) -> Content:
        return Content(
            plan.table, dict(self.chains), dict(self.sets), {k: dict(v) for k, v in self.elements.items()}
        )


@settings(max_examples=150, deadline=None)
@given(STEPS, st.lists(st.booleans(), min_size=12, max_size=12))
def test_any_walk_through_changes_ends_as_a_fresh_start_does(steps: list[Step], settle: list[bool]) -> None:
    intake, plan, kernel = empty_intake(), Plan(NODE_RULES), FakeTable()
    kernel.apply(plan.full(intake.tables[4]))
    for (kind, svc), settles in zip(steps, settle, strict=False):
        take(intake, kind, svc)
        changes = intake.refresh()
        kernel.apply(plan.partial(intake.tables[4], changes.forwarding[4]))
        if settles:
            kernel.apply(plan.settle())
    kernel.apply(plan.settle())
    fresh = Plan(NODE_RULES)
    fresh.full(intake.tables[4])
    assert kernel.read(fresh) == fresh.content()


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_adopting_what_was_written_is_no_operation(steps: list[Step]) -> None:
    intake, plan, kernel = empty_intake(), Plan(NODE_RULES), FakeTable()
    for kind, svc in steps:
        take(intake, kind, svc)
    intake.refresh()
    kernel.apply(plan.full(intake.tables[4]))
    again = Plan(NODE_RULES)
    again.adopt(kernel.read(plan))
    work = again.full(intake.tables[4])
    assert [op for op in work.operations if not isinstance(op, AddTable)] == []
    assert plan.partial(intake.tables[4], set(intake.tables[4])).operations == ()


@settings(max_examples=60, deadline=None)
@given(STEPS, st.integers(0, 1 << 30))
def test_whatever_somebody_else_broke_is_repaired(steps: list[Step], seed: int) -> None:
    intake, plan, kernel, rng = empty_intake(), Plan(NODE_RULES), FakeTable(), Random(seed)
    for kind, svc in steps:
        take(intake, kind, svc)
    intake.refresh()
    kernel.apply(plan.full(intake.tables[4]))
    for elements in kernel.elements.values():
        for key in [key for key in elements if rng.random() < 0.3]:
            del elements[key]
    for name, chain in list(kernel.chains.items()):
        if rng.random() < 0.3:
            kernel.chains[name] = chain._replace(rules=chain.rules[:-1])
    again = Plan(NODE_RULES)
    again.adopt(kernel.read(plan))
    kernel.apply(again.full(intake.tables[4]))
    kernel.apply(again.settle())
    assert kernel.read(again) == again.content()


@settings(max_examples=150, deadline=None)
@given(
    STEPS,
    st.sampled_from([POD, EXT, NODE, *IPS]),
    st.sampled_from([VIP, VIP2, XIP, LB, NODE]),
    st.sampled_from([80, 53, 3001]),
)
def test_the_rules_do_what_walk_says(steps: list[Step], source: str, destination: str, port: int) -> None:
    from kproxy.backends.nftables.explain import probe_of, traced
    from kproxy.walk import Packet

    intake = empty_intake()
    for kind, svc in steps:
        take(intake, kind, svc)
    intake.refresh()
    plan = Plan(NODE_RULES)
    plan.full(intake.tables[4])
    packet = Packet(
        source=source, destination=destination, port=port, in_interface="" if source == NODE else "eth0"
    )
    oracle = walk(intake.tables[4], NODE_RULES, packet)
    seen = traced(plan.content(), probe_of(NODE_RULES, packet))
    assert seen.verdict == oracle.verdict, oracle.because
    assert seen.masqueraded == {str(t): t.masquerade for t in oracle.targets}
    assert len(trace(plan.content(), probe_of(NODE_RULES, packet))) >= len(oracle.targets)


@settings(max_examples=50, deadline=None)
@given(STEPS, STEPS, st.integers(0, 1 << 30))
def test_a_process_that_ends_between_two_messages_leaves_what_the_next_one_mends(
    before: list[Step], after: list[Step], seed: int
) -> None:
    """Whichever transaction was the last: a kernel carries out each whole or not at all."""
    intake, kernel, rng = empty_intake(), FakeTable(), Random(seed)
    for steps in (before, after, after[::-1]):
        for kind, svc in steps:
            take(intake, kind, svc)
        intake.refresh()
        plan = Plan(NODE_RULES)
        plan.adopt(kernel.read(plan) if kernel.chains else None)
        work = plan.full(intake.tables[4])
        done = rng.randint(0, len(work.transactions))
        kernel.apply(Work(work.transactions[:done]))
    last = Plan(NODE_RULES)
    last.adopt(kernel.read(last) if kernel.chains else None)
    kernel.apply(last.full(intake.tables[4]))
    kernel.apply(last.settle())
    fresh = Plan(NODE_RULES)
    fresh.full(intake.tables[4])
    assert kernel.read(fresh) == fresh.content()


@settings(max_examples=50, deadline=None)
@given(STEPS, st.integers(0, 1 << 30))
def test_refused_transactions_heal_with_the_next_full_sync(steps: list[Step], seed: int) -> None:
    intake, plan, kernel, rng = empty_intake(), Plan(NODE_RULES), FakeTable(), Random(seed)
    kernel.apply(plan.full(intake.tables[4]))
    for kind, svc in steps:
        take(intake, kind, svc)
        work = plan.partial(intake.tables[4], intake.refresh().forwarding[4])
        if rng.random() < 0.5:
            kernel.apply(work)
            continue
        plan = Plan(NODE_RULES)  # refused: what the plan believes is worth nothing
        plan.adopt(kernel.read(plan))
        kernel.apply(plan.full(intake.tables[4]))
    kernel.apply(plan.settle())
    fresh = Plan(NODE_RULES)
    fresh.full(intake.tables[4])
    assert kernel.read(fresh) == fresh.content()
