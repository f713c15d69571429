"""The volatile part of what the agent knows of a pod: what is lost, and found out again, when it restarts."""

from collections.abc import Mapping

from kube.objects import Pod
from kube.objects.containers import Container
from kube.objects.value import Value
from nodeagent.pods.backoff import Delay
from nodeagent.pods.containers import is_sidecar
from nodeagent.runtime.records import ContainerRecord, PodRuntime


class Waiting(Value):
    """Why a container does not run; kubectl shows the reason in its STATUS column."""

    reason: str
    message: str = ""
    retry_at_s: float = 0.0


class Health(Value):
    """What a running container's probes say. Without probes both are true as soon as it runs."""

    started: bool = True
    ready: bool = True
    failed_probe: str = ""  # the message of the probe that asks for a restart


class Facts(Value):
    """Keyed by container name, except `health` and `killing`, which are by container id."""

    gone: bool = False  # deleted from the API without waiting for us
    evicted: Waiting | None = None  # the pod has to end: DeadlineExceeded, Evicted
    evicted_grace_s: int = 1  # how long it may take then, where the node's pressure is the reason
    resize: Waiting | None = None  # why wanted resources are not given yet: Infeasible, Deferred, Error
    sandbox: Waiting | None = None  # why there is no sandbox yet
    images: Mapping[str, bool] = {}  # True: here; False: being fetched
    waiting: Mapping[str, Waiting] = {}
    health: Mapping[str, Health] = {}
    killing: frozenset[str] = frozenset()
    delays: Mapping[str, Delay] = {}
    started_at: str = ""  # status.startTime
    network_ready: bool = True
    known_restarts: Mapping[str, int] = {}  # from the API's status, for containers this node has no trace of


def restarts(pod: Pod, container: Container, exit_code: int) -> bool:
    """Whether a container that ended with `exit_code` is started again."""
    if container in pod.spec.ephemeral_containers:
        return False
    init = container in pod.spec.init_containers
    if (init and is_sidecar(container)) or _rule_restarts(container, exit_code):
        return True
    match container.restart_policy or pod.spec.restart_policy:
        case "Always":
            return not init or exit_code != 0
        case "OnFailure":
            return exit_code != 0
        case _:
            return False


def _rule_restarts(container: Container, exit_code: int) -> bool:
    """The first rule that fits says to restart: the only action there is (KEP-5307)."""
    for rule in container.restart_policy_rules:
        codes = rule.exit_codes
        if codes and (exit_code in codes.values) == (codes.operator == "In"):
            return rule.action == "Restart"
    return False


def current(runtime: PodRuntime, name: str) -> ContainerRecord | None:
    """The newest run inside the present sandbox; runs of an earlier one do not count any more."""
    record = runtime.latest(name)
    if record is None or runtime.sandbox is None or record.sandbox_id != runtime.sandbox.id:
        return None
    return record


def health_of(facts: Facts, record: ContainerRecord) -> Health:
    return facts.health.get(record.id, Health())
