"""From a pod's container to what the OCI runtime is told."""

from collections.abc import Mapping
from typing import NamedTuple

from kube.objects import Pod
from kube.objects.containers import Container, ResourceRequirements
from kube.scheduler.quantity import milli, units
from nodeagent.images.manifest import ImageConfig
from nodeagent.pods.env import expand
from nodeagent.runtime.spec import Launch, Limits, Mount, User, granted_capabilities

_SHARES_MIN, _SHARES_PER_CPU, _QUOTA_MIN_US, _PERIOD_US = 2, 1024, 1000, 100_000


class Surroundings(NamedTuple):
    """What the node contributes to one container run."""

    rootfs: str
    user: User
    environment: Mapping[str, str]
    volume_mounts: tuple[Mount, ...]
    etc_mounts: tuple[Mount, ...]  # hosts, hostname, resolv.conf, the termination log
    shm_dir: str
    namespaces: tuple[tuple[str, str], ...]
    cgroup_path: str
    node_memory_bytes: int
    available_capabilities: frozenset[str]


class NoCommand(Exception):
    """Neither the pod nor the image says what to run."""


def launch(pod: Pod, container: Container, image: ImageConfig, around: Surroundings) -> Launch:
    """Raises NoCommand."""
    security = container.security_context
    privileged = bool(security and security.privileged)
    added = security.capabilities.add if security and security.capabilities else ()
    dropped = security.capabilities.drop if security and security.capabilities else ()
    taken = {mount.destination for mount in around.volume_mounts}
    return Launch(
        args=command(container, image, around.environment),
        env=tuple(f"{name}={value}" for name, value in around.environment.items()),
        cwd=container.working_dir or image.working_dir or "/",
        rootfs=around.rootfs,
        user=around.user,
        terminal=container.tty,
        read_only_root=bool(security and security.read_only_root_filesystem),
        mounts=(*(m for m in around.etc_mounts if m.destination not in taken), *around.volume_mounts),
        shm_dir="" if "/dev/shm" in taken else around.shm_dir,  # noqa: S108  the container's path
        namespaces=around.namespaces,
        capabilities=granted_capabilities(
            add=added, drop=dropped, privileged=privileged, available=around.available_capabilities
        ),
        privileged=privileged,
        no_new_privileges=bool(security and security.allow_privilege_escalation is False),
        mask_proc=not (security and security.proc_mount == "Unmasked"),
        cgroup_path=around.cgroup_path,
        limits=limits(container.resources),
        oom_score_adj=oom_score(container.resources, around.node_memory_bytes),
    )


def command(container: Container, image: ImageConfig, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Command replaces the image's entrypoint and its arguments, args the arguments alone (core/v1)."""
    start = container.command or image.entrypoint
    rest = container.args or (() if container.command else image.cmd)
    words = tuple(expand(word, environment) for word in container.command) or start
    words += tuple(expand(word, environment) for word in container.args) or rest
    if not words:
        raise NoCommand("no command specified: set command in the pod, or ENTRYPOINT or CMD in the image")
    return words


def limits(resources: ResourceRequirements) -> Limits:
    """The kubelet's conversion of requests and limits to cgroup values."""
    given, asked = resources.limits, resources.requests
    cpu_limit = milli(str(given["cpu"])) if "cpu" in given else 0
    cpu_request = milli(str(asked["cpu"])) if "cpu" in asked else cpu_limit
    return Limits(
        memory_bytes=units(str(given["memory"])) if "memory" in given else None,
        cpu_shares=max(_SHARES_MIN, cpu_request * _SHARES_PER_CPU // 1000),
        cpu_quota_us=max(_QUOTA_MIN_US, cpu_limit * _PERIOD_US // 1000) if cpu_limit else None,
        cpu_period_us=_PERIOD_US,
    )


def oom_score(resources: ResourceRequirements, node_memory_bytes: int) -> int | None:
    """The more of the node's memory a container reserved, the later the kernel kills it.

    None for a container with full guarantees: lowering a score takes CAP_SYS_RESOURCE, which a lab node may lack.
    """
    if not resources.requests and not resources.limits:
        return 1000
    wanted = {**resources.limits, **resources.requests}
    guaranteed = {"cpu", "memory"} <= set(resources.limits) and all(
        wanted[name] == resources.limits[name] for name in ("cpu", "memory")
    )
    if guaranteed:
        return None
    memory_bytes = units(str(wanted.get("memory", 0)))
    return min(max(2, 1000 - 1000 * memory_bytes // max(1, node_memory_bytes)), 999)
