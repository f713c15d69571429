"""The row of a pod: what its containers' states say, in the words of `kubectl get pods`."""

from collections.abc import Mapping
from typing import Any

from kube.apiserver.kinds.table.format import NONE, age, condition, human_duration, name_of, unix_s

Object = dict[str, Any]


class _Restarts:
    """Counted restarts and the end of the latest run before one."""

    def __init__(self) -> None:
        self.count = 0
        self.latest_s = 0.0

    def add(self, container: Object) -> None:
        self.count += container.get("restartCount") or 0
        ended = ((container.get("lastState") or {}).get("terminated") or {}).get("finishedAt")
        if ended:
            self.latest_s = max(self.latest_s, unix_s(ended))

    def cell(self, now: float) -> str:
        if self.count and self.latest_s:
            return f"{self.count} ({human_duration(now - self.latest_s)} ago)"
        return str(self.count)


def pod(obj: Object, now: float) -> list[Any]:
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    reason = str(status.get("reason") or status.get("phase") or "")
    if condition(obj, "PodScheduled").get("reason") == "SchedulingGated":
        reason = "SchedulingGated"
    sidecars = {
        container.get("name")
        for container in spec.get("initContainers") or ()
        if container.get("restartPolicy") == "Always"
    }
    total = len(spec.get("containers") or ()) + len(sidecars)
    all_restarts, sidecar_restarts = _Restarts(), _Restarts()
    init_reason, ready = _init_phase(spec, status, sidecars, all_restarts, sidecar_restarts)
    restarts = all_restarts
    if init_reason is not None:
        reason = init_reason
    if init_reason is None or condition(obj, "Initialized").get("status") == "True":
        restarts = sidecar_restarts
        reason, running = _main_phase(obj, status, reason, restarts)
        ready += running
    reason = _deletion(obj, status, reason)
    return [
        name_of(obj),
        f"{ready}/{total}",
        reason,
        restarts.cell(now),
        age(obj, now),
        _ip(status),
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _readiness_gates(obj, spec),
    ]


def _init_phase(
    spec: Object, status: Object, sidecars: set[Any], all_restarts: _Restarts, sidecar_restarts: _Restarts
) -> tuple[str | None, int]:
    """The reason while init containers are not through, None after; and how many sidecars are ready."""
    ready = 0
    count = len(spec.get("initContainers") or ())
    for index, container in enumerate(status.get("initContainerStatuses") or ()):
        all_restarts.add(container)
        sidecar = container.get("name") in sidecars
        if sidecar:
            sidecar_restarts.add(container)
        state = container.get("state") or {}
        terminated = state.get("terminated")
        if terminated is not None and not terminated.get("exitCode"):
            continue
        if sidecar and container.get("started"):
            ready += 1 if container.get("ready") else 0
            continue
        if terminated is not None:
            return f"Init:{_ended(terminated)}", ready
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting and waiting != "PodInitializing":
            return f"Init:{waiting}", ready
        return f"Init:{index}/{count}", ready
    return None, ready


def _main_phase(obj: Object, status: Object, reason: str, restarts: _Restarts) -> tuple[str, int]:
    """The first container with something to say gives the reason; and how many are ready."""
    ready = 0
    for container in reversed(status.get("containerStatuses") or ()):
        restarts.add(container)
        state = container.get("state") or {}
        terminated = state.get("terminated")
        waiting = (state.get("waiting") or {}).get("reason")
        if waiting:
            reason = waiting
        elif terminated is not None:
            reason = _ended(terminated)
        elif container.get("ready") and state.get("running") is not None:
            ready += 1
    if reason == "Completed" and ready:
        reason = "Running" if condition(obj, "Ready").get("status") == "True" else "NotReady"
    return reason, ready


def _ended(terminated: Mapping[str, Any]) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode', 0)}"


def _deletion(obj: Object, status: Object, reason: str) -> str:
    if not (obj.get("metadata") or {}).get("deletionTimestamp"):
        return reason
    if status.get("reason") == "NodeLost":
        return "Unknown"
    return reason if status.get("phase") in ("Succeeded", "Failed") else "Terminating"


def _ip(status: Object) -> str:
    ips = status.get("podIPs") or ()
    return str((ips[0].get("ip") if ips else status.get("podIP")) or NONE)


def _readiness_gates(obj: Object, spec: Object) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    true = sum(condition(obj, gate.get("conditionType", "")).get("status") == "True" for gate in gates)
    return f"{true}/{len(gates)}"
