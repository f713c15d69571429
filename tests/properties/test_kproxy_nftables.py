"""Any walk through changes ends where a fresh start does; doing it twice does nothing; what is written is read back."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kproxy.backends.nftables.plan import Plan, Work
from kproxy.intake import Intake
from kproxy.policy import Place
from kproxy.walk import walk
from kube.objects import key_of
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
from tests.flows.kproxy_rows import (
    EXT,
    LB,
    ME,
    NODE,
    POD,
    VIP,
    VIP2,
    XIP,
    ZONE,
    Ep,
    Port,
    Setup,
    Svc,
    node_of,
    services_of,
    slices_of,
)

_IPS = [f"10.180.0.{i}" for i in range(1, 6)]
_ENDPOINTS = st.lists(
    st.builds(
        Ep,
        st.sampled_from(_IPS),
        local=st.booleans(),
        ready=st.booleans(),
        serving=st.booleans(),
        terminating=st.booleans(),
        zones=st.sampled_from([(), (ZONE,), ("b",)]),
    ),
    max_size=5,
    unique_by=lambda e: e.ip,
).map(tuple)
_SERVICES = st.builds(
    Svc,
    ip=st.sampled_from([VIP, VIP2]),
    endpoints=_ENDPOINTS,
    ports=st.sampled_from(
        [(Port(),), (Port(node_port=3001),), (Port(), Port(53, 53, protocol="UDP", name="u"))]
    ),
    type=st.just("LoadBalancer"),
    lbs=st.sampled_from([(), (LB,)]),
    external_ips=st.sampled_from([(), (XIP,)]),
    ranges=st.sampled_from([(), ("203.0.113.0/25",), ("192.168.0.0/24", "203.0.113.0/24")]),
    internal=st.sampled_from(["Cluster", "Local"]),
    external=st.sampled_from(["Cluster", "Local"]),
    affinity_s=st.sampled_from([None, None, 60]),
    name=st.sampled_from(["a", "b", "c"]),
)
_STEPS = st.lists(
    st.tuples(st.sampled_from(["service", "slice", "no service", "no slice"]), _SERVICES), max_size=12
)
_NODE_RULES = node_of(Setup(()), 4)


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


def _take(intake: Intake, kind: str, svc: Svc) -> None:
    setup = Setup((svc,))
    for service in services_of(setup, 4):
        if "service" in kind:
            intake.set_service(key_of(service), None if kind.startswith("no") else service)
    for item in slices_of(setup, 4):
        if "slice" in kind:
            intake.set_slice(key_of(item), None if kind.startswith("no") else item)


def _intake() -> Intake:
    return Intake((4,), Place(node_name=ME, zone=ZONE, node_ips=(NODE,)))


@settings(max_examples=150, deadline=None)
@given(_STEPS, st.lists(st.booleans(), min_size=12, max_size=12))
def test_any_walk_through_changes_ends_as_a_fresh_start_does(
    steps: list[tuple[str, Svc]], settle: list[bool]
) -> None:
    intake, plan, kernel = _intake(), Plan(_NODE_RULES), FakeTable()
    kernel.apply(plan.full(intake.tables[4]))
    for (kind, svc), settles in zip(steps, settle, strict=False):
        _take(intake, kind, svc)
        changes = intake.refresh()
        kernel.apply(plan.partial(intake.tables[4], changes.forwarding[4]))
        if settles:
            kernel.apply(plan.settle())
    kernel.apply(plan.settle())
    fresh = Plan(_NODE_RULES)
    fresh.full(intake.tables[4])
    assert kernel.read(fresh) == fresh.content()


@settings(max_examples=60, deadline=None)
@given(_STEPS)
def test_adopting_what_was_written_is_no_operation(steps: list[tuple[str, Svc]]) -> None:
    intake, plan, kernel = _intake(), Plan(_NODE_RULES), FakeTable()
    for kind, svc in steps:
        _take(intake, kind, svc)
    intake.refresh()
    kernel.apply(plan.full(intake.tables[4]))
    again = Plan(_NODE_RULES)
    again.adopt(kernel.read(plan))
    work = again.full(intake.tables[4])
    assert [op for op in work.operations if not isinstance(op, AddTable)] == []
    assert plan.partial(intake.tables[4], set(intake.tables[4])).operations == ()


@settings(max_examples=60, deadline=None)
@given(_STEPS, st.integers(0, 1 << 30))
def test_whatever_somebody_else_broke_is_repaired(steps: list[tuple[str, Svc]], seed: int) -> None:
    intake, plan, kernel, rng = _intake(), Plan(_NODE_RULES), FakeTable(), Random(seed)
    for kind, svc in steps:
        _take(intake, kind, svc)
    intake.refresh()
    kernel.apply(plan.full(intake.tables[4]))
    for elements in kernel.elements.values():
        for key in [key for key in elements if rng.random() < 0.3]:
            del elements[key]
    for name, chain in list(kernel.chains.items()):
        if rng.random() < 0.3:
            kernel.chains[name] = chain._replace(rules=chain.rules[:-1])
    again = Plan(_NODE_RULES)
    again.adopt(kernel.read(plan))
    kernel.apply(again.full(intake.tables[4]))
    kernel.apply(again.settle())
    assert kernel.read(again) == again.content()


@settings(max_examples=150, deadline=None)
@given(
    _STEPS,
    st.sampled_from([POD, EXT, NODE, *_IPS]),
    st.sampled_from([VIP, VIP2, XIP, LB, NODE]),
    st.sampled_from([80, 53, 3001]),
)
def test_the_rules_do_what_walk_says(
    steps: list[tuple[str, Svc]], source: str, destination: str, port: int
) -> None:
    from kproxy.backends.nftables.explain import probe_of, traced
    from kproxy.walk import Packet

    intake = _intake()
    for kind, svc in steps:
        _take(intake, kind, svc)
    intake.refresh()
    plan = Plan(_NODE_RULES)
    plan.full(intake.tables[4])
    packet = Packet(
        source=source, destination=destination, port=port, in_interface="" if source == NODE else "eth0"
    )
    oracle = walk(intake.tables[4], _NODE_RULES, packet)
    seen = traced(plan.content(), probe_of(_NODE_RULES, packet))
    assert seen.verdict == oracle.verdict, oracle.because
    assert seen.masqueraded == {str(t): t.masquerade for t in oracle.targets}
    assert len(trace(plan.content(), probe_of(_NODE_RULES, packet))) >= len(oracle.targets)
