"""What the agent knows of sandboxes and containers that really exist; written to disk, read after a restart."""

from kube.objects.containers import ResourceRequirements
from kube.objects.value import Value


class SandboxRecord(Value):
    """One pod's namespaces. `ips` is in the order of the pod ranges; times are RFC 3339."""

    pod_uid: str
    pod_namespace: str
    pod_name: str
    id: str
    created_at: str
    attempt: int = 0
    host_network: bool = False
    network: str = ""  # "none" and "pod": no CNI plugin has been, or is to be called
    netns: str = ""
    shared_pid: str = ""  # where the containers' common PID namespace is pinned
    ips: tuple[str, ...] = ()
    port_mappings: tuple[dict[str, object], ...] = ()
    made: bool = True  # False until all of it is there: what an agent that died left half made is made anew
    torn_down: bool = False  # the pod has ended; kept because its status still shows the addresses


class Exit(Value):
    """How one container run ended."""

    code: int
    finished_at: str
    reason: str  # Completed, Error, OOMKilled, StartError, ContainerStatusUnknown
    message: str = ""


class ContainerRecord(Value):
    """One run of a container; `attempt` is the restart count that kubectl shows."""

    name: str
    attempt: int
    id: str
    sandbox_id: str
    image: str
    image_id: str
    created_at: str
    log_path: str
    started_at: str = ""
    pid: int = 0
    monitor_pid: int = 0
    exit: Exit | None = None
    termination_log: str = ""
    stop_signal: str = ""  # "" is SIGTERM
    resources: ResourceRequirements = ResourceRequirements()  # what its cgroup was given last
    user: tuple[int, int, tuple[int, ...]] | None = None  # uid, gid, supplemental groups of its first process
    foreign_pid: bool = False  # lives in a PID namespace that is not its own

    @property
    def running(self) -> bool:
        return self.exit is None and bool(self.started_at)


class PodRuntime(Value):
    """What exists of one pod: its sandbox, and every container run that was not removed yet, oldest first."""

    sandbox: SandboxRecord | None = None
    containers: tuple[ContainerRecord, ...] = ()

    def latest(self, name: str) -> ContainerRecord | None:
        """The newest run of the named container."""
        runs = [record for record in self.containers if record.name == name]
        return max(runs, key=lambda record: record.attempt) if runs else None

    def previous(self, name: str) -> ContainerRecord | None:
        """The run before the newest."""
        runs = sorted((r for r in self.containers if r.name == name), key=lambda record: record.attempt)
        return runs[-2] if len(runs) > 1 else None
