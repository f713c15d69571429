"""What to do next for one pod: its API object and what really exists, compared. Pure."""

from typing import NamedTuple

from kube.objects import Pod
from kube.objects.containers import Container
from nodeagent.pods.backoff import restart_at
from nodeagent.pods.containers import is_sidecar
from nodeagent.pods.network_mode import waits_for_network
from nodeagent.pods.resources import changed, needs_restart
from nodeagent.pods.state import Facts, current, health_of, restarts
from nodeagent.pods.times import epoch
from nodeagent.runtime.records import ContainerRecord, PodRuntime

_DEFAULT_GRACE_S = 30
_FORCED_GRACE_S = 2  # the object is gone already (`kubectl delete --force`)
_LEAST_GRACE_S = 2  # what a sidecar gets even if the others used all the time
_RUNS_KEPT = 2  # the present run and the one that `kubectl logs --previous` shows


class CreateSandbox(NamedTuple):
    attempt: int


class RemoveSandbox(NamedTuple):
    """Detach the network and let the namespaces go; records and logs stay."""


class EnsureImage(NamedTuple):
    container: str


class StartContainer(NamedTuple):
    container: str
    attempt: int


class KillContainer(NamedTuple):
    """SIGTERM, and SIGKILL after grace_s; preStop counts into it."""

    id: str
    container: str
    grace_s: float
    message: str


class ResizeContainer(NamedTuple):
    """Give a running container's cgroup the resources its specification asks for now (KEP-1287)."""

    id: str
    container: str


class RemoveRun(NamedTuple):
    """Forget an ended run, with its log."""

    id: str


class Finish(NamedTuple):
    """Nothing of the pod runs any more: confirm its deletion to the API, remove what is left on disk."""


Action = (
    CreateSandbox
    | RemoveSandbox
    | EnsureImage
    | StartContainer
    | KillContainer
    | ResizeContainer
    | RemoveRun
    | Finish
)


class Plan(NamedTuple):
    """Actions to do now, in order; `wake_at_s` is when to plan again even if nothing happens."""

    actions: tuple[Action, ...] = ()
    wake_at_s: float | None = None


def plan(pod: Pod, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    """`now_s` is Unix time. Planning again after the actions are done gives what comes after them."""
    if facts.gone or pod.metadata.deletion_timestamp or facts.evicted:
        return _end(pod, runtime, facts, now_s)
    if runtime.sandbox is None and pod.status.phase in {"Succeeded", "Failed"}:
        return Plan()  # it ended before this node lost its traces
    if outcome(pod, runtime):
        return _settle(pod, runtime, facts)
    if runtime.sandbox is None or runtime.sandbox.torn_down:
        return _begin(pod, runtime, facts, now_s)
    return _advance(pod, runtime, facts, now_s)


def outcome(pod: Pod, runtime: PodRuntime) -> str:
    """Succeeded or Failed once no container will run again, else ""."""
    for container in pod.spec.init_containers:
        record = current(runtime, container.name)
        if is_sidecar(container) or record is None or record.exit is None:
            continue
        if record.exit.code != 0 and not restarts(pod, container, record.exit.code):
            return "Failed"
    codes = []
    for container in pod.spec.containers:
        record = current(runtime, container.name)
        if record is None or record.exit is None or restarts(pod, container, record.exit.code):
            return ""
        codes.append(record.exit.code)
    return "Failed" if any(codes) else "Succeeded"


def grace_s(pod: Pod, facts: Facts) -> float:
    """How long the pod's processes may take to end."""
    given = pod.metadata.deletion_grace_period_seconds
    if given is not None and pod.metadata.deletion_timestamp:
        return given
    if facts.gone:
        return _FORCED_GRACE_S
    if facts.evicted and facts.evicted.reason == "Evicted":
        return facts.evicted_grace_s
    asked = pod.spec.termination_grace_period_seconds
    return _DEFAULT_GRACE_S if asked is None else asked


def _end(pod: Pod, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    living = [record for record in runtime.containers if record.exit is None]
    if living:
        return Plan(_kill_in_order(pod, living, facts, now_s))
    actions: list[Action] = []
    if runtime.sandbox and not runtime.sandbox.torn_down:
        actions.append(RemoveSandbox())
    if facts.gone or pod.metadata.deletion_timestamp:
        actions.append(Finish())
    return Plan(tuple(actions))


def _kill_in_order(
    pod: Pod, living: list[ContainerRecord], facts: Facts, now_s: float
) -> tuple[KillContainer, ...]:
    """All ordinary containers at once; then sidecars one by one, the last started first (KEP-753)."""
    sidecars = [container.name for container in pod.spec.init_containers if is_sidecar(container)]
    ordinary = [record for record in living if record.name not in sidecars]
    remaining_s = grace_s(pod, facts)
    chosen = ordinary
    if not ordinary:
        chosen = [max(living, key=lambda record: sidecars.index(record.name))]
        if pod.metadata.deletion_timestamp and len(sidecars) < len(runtime_names(pod)):
            remaining_s = max(_LEAST_GRACE_S, epoch(pod.metadata.deletion_timestamp) - now_s)
    return tuple(
        KillContainer(record.id, record.name, remaining_s, f"Stopping container {record.name}")
        for record in chosen
        if record.id not in facts.killing
    )


def runtime_names(pod: Pod) -> tuple[str, ...]:
    """Names of all the pod's containers in starting order."""
    return tuple(container.name for container in (*pod.spec.init_containers, *pod.spec.containers))


def _settle(pod: Pod, runtime: PodRuntime, facts: Facts) -> Plan:
    """The pod has ended by itself: stop its sidecars, give its address back, keep its last runs' logs only."""
    living = [record for record in runtime.containers if record.exit is None]
    if living:
        return Plan(_kill_in_order(pod, living, facts, 0.0))
    if runtime.sandbox and not runtime.sandbox.torn_down:
        return Plan((RemoveSandbox(),))
    return Plan(_old_runs(runtime))


def _begin(pod: Pod, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    living = [record for record in runtime.containers if record.exit is None]
    if living:  # of a sandbox that is lost: they have no network any more
        return Plan(_kill_in_order(pod, living, facts, now_s))
    if not facts.network_ready and waits_for_network(pod):
        return Plan()
    if facts.sandbox and facts.sandbox.retry_at_s > now_s:
        return Plan((), facts.sandbox.retry_at_s)
    return Plan((CreateSandbox(_next_sandbox(runtime)),))


def _next_sandbox(runtime: PodRuntime) -> int:
    """A number no sandbox of the pod had, so that runs of a lost one are not taken for runs of the new one."""
    known = [int(record.sandbox_id.rpartition("-")[2]) for record in runtime.containers]
    if runtime.sandbox:
        known.append(runtime.sandbox.attempt)
    return max(known, default=-1) + 1


def _advance(pod: Pod, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    """Init containers one after another, sidecars as soon as it is their turn, then all the others."""
    steps: list[Plan] = []
    under_way = any(current(runtime, container.name) for container in pod.spec.containers)
    for container in pod.spec.init_containers:
        record = current(runtime, container.name)
        if is_sidecar(container):
            steps.append(_keep_running(pod, container, runtime, facts, now_s))
            ready = record is not None and record.running and health_of(facts, record).started
        else:
            ready = record is not None and record.exit is not None and record.exit.code == 0
            if not under_way and not ready:
                steps.append(_keep_running(pod, container, runtime, facts, now_s))
        if not ready and not under_way:
            break
    else:
        steps += [_keep_running(pod, container, runtime, facts, now_s) for container in pod.spec.containers]
    steps += [_run_once(container, runtime, facts, now_s) for container in pod.spec.ephemeral_containers]
    steps.append(Plan(_old_runs(runtime), facts.resize.retry_at_s if facts.resize else None))
    return _joined(steps)


def _keep_running(pod: Pod, container: Container, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    record = current(runtime, container.name)
    if record is None:
        return _start(container, runtime, facts, now_s)
    if record.exit is None:
        return Plan(
            _replacement(pod, container, record, facts) or _resized(pod, container, record, facts, now_s)
        )
    if not restarts(pod, container, record.exit.code):
        return Plan()
    ended_s = epoch(record.exit.finished_at)
    another = record.image != container.image  # what was changed has not failed yet
    at_s = ended_s if another else restart_at(facts.delays, container.name, ended_s)
    return Plan((), at_s) if at_s > now_s else _start(container, runtime, facts, now_s)


def _run_once(container: Container, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    """An ephemeral container is started once in the life of the pod."""
    started = runtime.latest(container.name) or container.name in facts.known_restarts
    return Plan() if started else _start(container, runtime, facts, now_s)


def _start(container: Container, runtime: PodRuntime, facts: Facts, now_s: float) -> Plan:
    waiting = facts.waiting.get(container.name)
    if waiting and waiting.retry_at_s > now_s:
        return Plan((), waiting.retry_at_s)
    match facts.images.get(container.name):
        case None:
            return Plan((EnsureImage(container.name),))
        case False:
            return Plan()
        case True:
            before = runtime.latest(container.name)
            first = facts.known_restarts.get(container.name, 0)
            return Plan((StartContainer(container.name, before.attempt + 1 if before else first),))


def _replacement(pod: Pod, container: Container, record: ContainerRecord, facts: Facts) -> tuple[Action, ...]:
    """Kill a run that its probes gave up on or whose image is not the wanted one any more."""
    if record.id in facts.killing:
        return ()
    failed = health_of(facts, record).failed_probe
    if failed:
        return (KillContainer(record.id, container.name, _probe_grace_s(pod, container, failed), failed),)
    if record.image != container.image:
        text = f"Container {container.name} definition changed, will be restarted"
        return (KillContainer(record.id, container.name, _spec_grace_s(pod), text),)
    return ()


def _resized(
    pod: Pod, container: Container, record: ContainerRecord, facts: Facts, now_s: float
) -> tuple[Action, ...]:
    """Bring a run to the resources that are wanted now, by a restart where the container asked for that."""
    if record.id in facts.killing or not record.running or not changed(record.resources, container.resources):
        return ()
    if facts.resize and facts.resize.retry_at_s > now_s:
        return ()
    if needs_restart(container, record.resources):
        text = f"Container {container.name} resize requires restart"
        return (KillContainer(record.id, container.name, _spec_grace_s(pod), text),)
    return (ResizeContainer(record.id, container.name),)


def _probe_grace_s(pod: Pod, container: Container, failed: str) -> float:
    probe = container.startup_probe if "startup probe" in failed else container.liveness_probe
    own = probe.termination_grace_period_seconds if probe else None
    return _spec_grace_s(pod) if own is None else own


def _spec_grace_s(pod: Pod) -> float:
    asked = pod.spec.termination_grace_period_seconds
    return _DEFAULT_GRACE_S if asked is None else asked


def _old_runs(runtime: PodRuntime) -> tuple[RemoveRun, ...]:
    names = {record.name for record in runtime.containers}
    old: list[RemoveRun] = []
    for name in sorted(names):
        runs = sorted((r for r in runtime.containers if r.name == name), key=lambda record: record.attempt)
        old += [RemoveRun(record.id) for record in runs[:-_RUNS_KEPT] if record.exit]
    return tuple(old)


def _joined(steps: list[Plan]) -> Plan:
    times = [step.wake_at_s for step in steps if step.wake_at_s is not None]
    return Plan(tuple(action for step in steps for action in step.actions), min(times, default=None))


def deadline_s(pod: Pod, facts: Facts) -> float | None:
    """When activeDeadlineSeconds is over, in Unix time; None for a pod without one, or one that has ended."""
    given = pod.spec.active_deadline_seconds
    if given is None or not facts.started_at or pod.status.phase in {"Succeeded", "Failed"}:
        return None
    return epoch(facts.started_at) + given
