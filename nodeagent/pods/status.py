"""A pod's status as the API shows it, from what exists and what the probes say. Pure."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from kube.objects import Pod
from kube.objects.containers import Container, ResourceRequirements
from nodeagent.pods.backoff import restart_at
from nodeagent.pods.containers import is_sidecar
from nodeagent.pods.plan import outcome
from nodeagent.pods.state import Facts, current, health_of, restarts
from nodeagent.pods.times import epoch, rfc3339
from nodeagent.runtime.records import ContainerRecord, PodRuntime

Json = dict[str, Any]


class NodeFacts(NamedTuple):
    host_ips: tuple[str, ...]
    runtime_name: str  # the scheme of container ids: `runc://…`


def pod_status(pod: Pod, runtime: PodRuntime, facts: Facts, node: NodeFacts, now_s: float) -> Json:
    """The fields of PodStatus that a node agent owns."""
    inits = [_container_status(pod, c, runtime, facts, node, now_s) for c in pod.spec.init_containers]
    mains = [_container_status(pod, c, runtime, facts, node, now_s) for c in pod.spec.containers]
    phase = pod_phase(pod, runtime, inits, mains, facts)
    status: Json = {
        "phase": phase,
        "conditions": _conditions(pod, runtime, inits, mains, phase, facts, now_s),
        "hostIP": node.host_ips[0],
        "hostIPs": [{"ip": ip} for ip in node.host_ips],
        "startTime": facts.started_at,
        "observedGeneration": pod.metadata.generation,
        "containerStatuses": mains,
    }
    if inits:
        status["initContainerStatuses"] = inits
    if pod.spec.ephemeral_containers:
        status["ephemeralContainerStatuses"] = [
            _container_status(pod, c, runtime, facts, node, now_s) for c in pod.spec.ephemeral_containers
        ]
    if runtime.sandbox and runtime.sandbox.ips:
        status["podIP"] = runtime.sandbox.ips[0]
        status["podIPs"] = [{"ip": ip} for ip in runtime.sandbox.ips]
    if facts.evicted:
        status |= {"reason": facts.evicted.reason, "message": facts.evicted.message}
    return status


def pod_phase(
    pod: Pod, runtime: PodRuntime, inits: Sequence[Json], mains: Sequence[Json], facts: Facts
) -> str:
    """Pending, Running, Succeeded or Failed; the kubelet's getPhase."""
    living = any(record.exit is None for record in runtime.containers)
    if facts.evicted:
        return "Running" if living else "Failed"
    ended = outcome(pod, runtime)
    if ended and not living:
        return ended
    if runtime.sandbox is None and pod.status.phase in {"Succeeded", "Failed"}:
        return pod.status.phase
    states = [status["state"] for status in mains]
    if pod.metadata.deletion_timestamp and states and all("terminated" in state for state in states):
        return "Failed" if any(state["terminated"]["exitCode"] for state in states) else "Succeeded"
    if not _initialized(pod, inits, mains):
        return "Pending"
    fresh = [s for s in mains if "waiting" in s["state"] and "terminated" not in s["lastState"]]
    return "Pending" if fresh else "Running"


def _initialized(pod: Pod, inits: Sequence[Json], mains: Sequence[Json]) -> bool:
    """All init containers did their part; once an ordinary container has run this stays true."""
    if any("waiting" not in status["state"] or status["lastState"] for status in mains):
        return True
    return not _uninitialized(pod, inits)


def _uninitialized(pod: Pod, inits: Sequence[Json]) -> list[str]:
    names = []
    for container, status in zip(pod.spec.init_containers, inits, strict=True):
        if is_sidecar(container):
            done = bool(status.get("started"))
        else:
            done = status["state"].get("terminated", {}).get("exitCode") == 0
        if not done:
            names.append(container.name)
    return names


def _container_status(
    pod: Pod, container: Container, runtime: PodRuntime, facts: Facts, node: NodeFacts, now_s: float
) -> Json:
    record = current(runtime, container.name)
    last = runtime.latest(container.name)
    status: Json = {
        "name": container.name,
        "state": {},
        "lastState": {},
        "ready": False,
        "restartCount": record.attempt if record else facts.known_restarts.get(container.name, 0),
        "image": container.image,
        "imageID": "",
        "started": False,
        **_resources(record.resources if record and record.running else container.resources),
    }
    if record and record.user:
        status["user"] = {"linux": _user(*record.user)}
    if record is None:
        status["state"] = {"waiting": _waiting(pod, container, facts)}
        if last and last.exit:
            status["lastState"] = _terminated(last, node)
            status["restartCount"] = last.attempt + 1
        return status
    status |= {"imageID": record.image_id, "containerID": f"{node.runtime_name}://{record.id}"}
    before = runtime.previous(container.name)
    if before and before.exit:
        status["lastState"] = _terminated(before, node)
    if record.running:
        health = health_of(facts, record)
        status["state"] = {"running": {"startedAt": record.started_at}}
        status |= {"started": health.started, "ready": health.started and health.ready}
    elif record.exit is None:
        status["state"] = {"waiting": _waiting(pod, container, facts)}
    else:
        _ended(status, pod, container, record, facts, node, now_s)
    return status


def _resources(given: ResourceRequirements) -> Json:
    """What the container has, and of that what the node set aside for it (KEP-1287)."""
    parts = {name: dict(part) for name in ("limits", "requests") if (part := getattr(given, name))}
    shown: Json = {"resources": parts}
    if given.requests:
        shown["allocatedResources"] = dict(given.requests)
    return shown


def _user(uid: int, gid: int, groups: tuple[int, ...]) -> Json:
    return {"uid": uid, "gid": gid, "supplementalGroups": list(groups) or [gid]}


def _ended(
    status: Json,
    pod: Pod,
    container: Container,
    record: ContainerRecord,
    facts: Facts,
    node: NodeFacts,
    now_s: float,
) -> None:
    """The last run is over: shown as such, or as waiting for the next one."""
    assert record.exit is not None
    status["ready"] = container in pod.spec.init_containers and record.exit.code == 0
    ending = bool(pod.metadata.deletion_timestamp or facts.evicted or facts.gone)
    again = not ending and restarts(pod, container, record.exit.code)
    waiting = facts.waiting.get(container.name)
    at_s = restart_at(facts.delays, container.name, epoch(record.exit.finished_at))
    if again and (waiting or at_s > now_s):
        status["lastState"] = _terminated(record, node)
        crash = {"reason": "CrashLoopBackOff", "message": _crash_message(pod, container, facts)}
        status["state"] = {"waiting": _waiting(pod, container, facts) if waiting else crash}
        return
    status["state"] = _terminated(record, node)


def _crash_message(pod: Pod, container: Container, facts: Facts) -> str:
    delay = facts.delays.get(container.name)
    seconds = int(delay.delay_s) if delay else 0
    wait = f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
    meta = pod.metadata
    return f"back-off {wait} restarting failed container={container.name} pod={meta.name}_{meta.namespace}({meta.uid})"


def _waiting(pod: Pod, container: Container, facts: Facts) -> Json:
    waiting = facts.waiting.get(container.name)
    if waiting:
        return {"reason": waiting.reason, **({"message": waiting.message} if waiting.message else {})}
    return {"reason": "PodInitializing" if pod.spec.init_containers else "ContainerCreating"}


def _terminated(record: ContainerRecord, node: NodeFacts) -> Json:
    assert record.exit is not None
    state: Json = {
        "exitCode": record.exit.code,
        "reason": record.exit.reason,
        "startedAt": record.started_at or None,
        "finishedAt": record.exit.finished_at,
        "containerID": f"{node.runtime_name}://{record.id}",
    }
    if record.exit.message:
        state["message"] = record.exit.message
    return {"terminated": state}


def _conditions(
    pod: Pod,
    runtime: PodRuntime,
    inits: Sequence[Json],
    mains: Sequence[Json],
    phase: str,
    facts: Facts,
    now_s: float,
) -> list[Json]:
    """Those that kubectl describe shows; a transition time changes only with its status."""
    has_sandbox = runtime.sandbox is not None and not runtime.sandbox.torn_down
    unready = [status["name"] for status in mains if not status["ready"]]
    unready = [
        s["name"]
        for s, c in zip(inits, pod.spec.init_containers, strict=True)
        if is_sidecar(c) and not s["ready"]
    ] + unready
    words: tuple[str, str, str]
    if phase in {"Succeeded", "Failed"}:
        words = ("False", "PodCompleted" if phase == "Succeeded" else "PodFailed", "")
    elif unready:
        words = ("False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]")
    else:
        words = ("True", "", "")
    initialized = ("True", "", "")
    if not _initialized(pod, inits, mains):
        names = " ".join(_uninitialized(pod, inits))
        initialized = ("False", "ContainersNotInitialized", f"containers with incomplete status: [{names}]")
    elif phase == "Succeeded":
        initialized = ("True", "PodCompleted", "")
    ready = words if words[0] == "False" else _gates(pod)
    wanted = {
        "PodReadyToStartContainers": ("True" if has_sandbox else "False", "", ""),
        "Initialized": initialized,
        "Ready": ready,
        "ContainersReady": words,
        "PodScheduled": ("True", "", ""),
    }
    if facts.evicted and facts.evicted.reason == "Evicted":
        wanted["DisruptionTarget"] = ("True", "TerminationByKubelet", facts.evicted.message)
    if facts.resize:
        given = facts.resize
        kind = "PodResizeInProgress" if given.reason == "Error" else "PodResizePending"
        wanted[kind] = ("True", given.reason, given.message)
    return [_condition(pod, kind, *given, now_s) for kind, given in wanted.items()]


def _gates(pod: Pod) -> tuple[str, str, str]:
    """readinessGates: conditions that others set (KEP-580)."""
    true = {condition.type for condition in pod.status.conditions if condition.status == "True"}
    missing = [gate.condition_type for gate in pod.spec.readiness_gates if gate.condition_type not in true]
    if not missing:
        return ("True", "", "")
    text = ", ".join(f'the status of pod readiness gate "{name}" is not "True"' for name in missing)
    return ("False", "ReadinessGatesNotReady", text)


def _condition(pod: Pod, kind: str, state: str, reason: str, message: str, now_s: float) -> Json:
    before = next((c for c in pod.status.conditions if c.type == kind), None)
    since = before.last_transition_time if before and before.status == state else None
    condition: Json = {"type": kind, "status": state, "lastTransitionTime": since or rfc3339(now_s)}
    if pod.metadata.generation:
        condition["observedGeneration"] = pod.metadata.generation
    # A merge patch drops a field only if it says null, and only what is there should be dropped.
    if reason or (before and before.reason):
        condition["reason"] = reason or None
    if message or (before and before.message):
        condition["message"] = message or None
    return condition
