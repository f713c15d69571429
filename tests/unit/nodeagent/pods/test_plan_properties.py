"""Pods played through to their end on a model of the node: whatever happens, the plan arrives and stays there."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeagent.pods.backoff import restarted
from nodeagent.pods.plan import (
    CreateSandbox,
    EnsureImage,
    Finish,
    KillContainer,
    RemoveRun,
    RemoveSandbox,
    StartContainer,
    outcome,
    plan,
)
from nodeagent.pods.state import Facts
from nodeagent.pods.times import rfc3339
from nodeagent.runtime.records import ContainerRecord, Exit, PodRuntime, SandboxRecord
from tests.unit.nodeagent.conftest import build_pod

START_S = 1_000_000.0


class Node:
    """What the agent's hands would do, done to values. Each run ends with the next of `codes`, or never."""

    def __init__(self, pod, codes: dict[str, list[int | None]]) -> None:
        self.pod = pod
        self.codes = codes
        self.runtime = PodRuntime()
        self.facts = Facts()
        self.now_s = START_S
        self.finished = False
        self.order: list[str] = []

    def settle(self) -> None:
        """Plan and act until there is nothing to do; running in circles fails."""
        for _ in range(200):
            todo = plan(self.pod, self.runtime, self.facts, self.now_s)
            if not todo.actions:
                if todo.wake_at_s is None:
                    return
                assert todo.wake_at_s > self.now_s
                self.now_s = todo.wake_at_s
                continue
            for action in todo.actions:
                self.act(action)
                if self.finished:
                    return
            self.end_short_runs()
        raise AssertionError("the plan does not come to rest")

    def act(self, action) -> None:
        match action:
            case CreateSandbox(attempt):
                assert not any(record.exit is None for record in self.runtime.containers)
                sandbox = SandboxRecord(
                    pod_uid="u1",
                    pod_namespace="d",
                    pod_name="p",
                    id=f"u1-{attempt}",
                    created_at=rfc3339(self.now_s),
                    attempt=attempt,
                    ips=("10.0.0.1",),
                )
                self.runtime = msgspec.structs.replace(self.runtime, sandbox=sandbox)
            case EnsureImage(name):
                self.facts = msgspec.structs.replace(self.facts, images={**self.facts.images, name: True})
            case StartContainer(name, attempt):
                self.start(name, attempt)
            case KillContainer(container_id):
                self.end(container_id, 137)
            case RemoveRun(container_id):
                kept = tuple(r for r in self.runtime.containers if r.id != container_id)
                self.runtime = msgspec.structs.replace(self.runtime, containers=kept)
            case RemoveSandbox():
                assert not any(record.exit is None for record in self.runtime.containers)
                ended = msgspec.structs.replace(self.runtime.sandbox, torn_down=True)
                self.runtime = msgspec.structs.replace(self.runtime, sandbox=ended)
            case Finish():
                self.finished = True

    def start(self, name: str, attempt: int) -> None:
        living = [r for r in self.runtime.containers if r.name == name and r.exit is None]
        assert not living, "two runs of one container at once"
        assert self.runtime.sandbox is not None
        self.order.append(name)
        if self.runtime.latest(name) is not None:
            delays = restarted(self.facts.delays, name, self.now_s)
            self.facts = msgspec.structs.replace(self.facts, delays=delays)
        record = ContainerRecord(
            name=name,
            attempt=attempt,
            id=f"{name}-{attempt}-{self.runtime.sandbox.id}",
            sandbox_id=self.runtime.sandbox.id,
            image="i",
            image_id="s",
            created_at=rfc3339(self.now_s),
            started_at=rfc3339(self.now_s),
            log_path="",
        )
        self.runtime = msgspec.structs.replace(self.runtime, containers=(*self.runtime.containers, record))

    def end_short_runs(self) -> None:
        for record in self.runtime.containers:
            codes = self.codes.get(record.name, [])
            if record.exit is None and codes and (code := codes.pop(0)) is not None:
                self.end(record.id, code)

    def end(self, container_id: str, code: int) -> None:
        exit_ = Exit(code=code, finished_at=rfc3339(self.now_s), reason="")
        containers = tuple(
            msgspec.structs.replace(r, exit=exit_) if r.id == container_id else r
            for r in self.runtime.containers
        )
        self.runtime = msgspec.structs.replace(self.runtime, containers=containers)


CODES = st.lists(st.sampled_from([0, 1, None]), max_size=4)
POLICIES = st.sampled_from(["Always", "OnFailure", "Never"])


def played(policy: str, codes: list[list[int | None]], *, init: bool, sidecar: bool) -> Node:
    inits = [{"name": "init", "image": "i"}] if init else []
    if sidecar:
        inits.append({"name": "side", "image": "i", "restartPolicy": "Always"})
    mains = [{"name": "a", "image": "i"}, {"name": "b", "image": "i"}]
    pod = build_pod(containers=mains, initContainers=inits, restartPolicy=policy)
    # After its list a main container runs on; an init container has to end some time.
    names = {"a": codes[0], "b": codes[1], "init": [*codes[2], 0], "side": codes[3]}
    node = Node(pod, names)
    node.settle()
    return node


@given(POLICIES, st.tuples(CODES, CODES, CODES, CODES), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_pod_comes_to_rest_in_a_state_its_policy_allows(policy, codes, init, sidecar):
    node = played(policy, [list(each) for each in codes], init=init, sidecar=sidecar)
    living = {record.name for record in node.runtime.containers if record.exit is None}
    if outcome(node.pod, node.runtime):
        assert not living
        assert node.runtime.sandbox is not None
        assert node.runtime.sandbox.torn_down
        assert policy != "Always"
    elif "init" not in living:
        assert living & {"a", "b"} or policy != "Always"
    assert all(sum(r.name == name for r in node.runtime.containers) <= 2 for name in "ab")


@given(POLICIES, st.tuples(CODES, CODES, CODES, CODES), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_deletion_ends_with_nothing_running(policy, codes, init, sidecar, forced):
    node = played(policy, [list(each) for each in codes], init=init, sidecar=sidecar)
    if forced:
        node.facts = msgspec.structs.replace(node.facts, gone=True)
    else:
        meta = msgspec.structs.replace(
            node.pod.metadata,
            deletion_timestamp=rfc3339(node.now_s + 30),
            deletion_grace_period_seconds=30,
        )
        node.pod = msgspec.structs.replace(node.pod, metadata=meta)
    node.settle()
    assert node.finished
    assert all(record.exit for record in node.runtime.containers)
    assert node.runtime.sandbox is None or node.runtime.sandbox.torn_down


@given(POLICIES, st.tuples(CODES, CODES, CODES, CODES))
@settings(max_examples=100, deadline=None)
def test_a_lost_sandbox_is_made_again_with_everything_in_it(policy, codes):
    node = played(policy, [list(each) for each in codes], init=True, sidecar=True)
    if outcome(node.pod, node.runtime):
        return
    node.runtime = msgspec.structs.replace(node.runtime, sandbox=None)
    node.codes = {"init": [0]}
    node.order.clear()
    node.settle()
    assert node.runtime.sandbox is not None
    assert node.order[:1] == ["init"]
    assert {record.name for record in node.runtime.containers if record.exit is None} >= {"side", "a", "b"}
