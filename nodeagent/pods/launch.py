"""From a pod's container to what the OCI runtime is told."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from kube.objects import Pod
from kube.objects.containers import Container
from nodeagent.images.manifest import ImageConfig
from nodeagent.pods.env import expand
from nodeagent.pods.resources import container_limits, oom_score
from nodeagent.runtime.spec import Launch, Mount, User, granted_capabilities


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
    seccomp: Mapping[str, Any] | None = None
    apparmor: str = ""


class NoCommand(Exception):
    """Neither the pod nor the image says what to run."""


def launch(pod: Pod, container: Container, image: ImageConfig, around: Surroundings) -> Launch:
    """Raises NoCommand."""
    security = container.security_context
    privileged = bool(security and security.privileged)
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
        capabilities=granted(container, around.available_capabilities),
        privileged=privileged,
        no_new_privileges=bool(security and security.allow_privilege_escalation is False),
        mask_proc=not (security and security.proc_mount == "Unmasked"),
        cgroup_path=around.cgroup_path,
        limits=container_limits(container.resources),
        oom_score_adj=_allowed_score(
            oom_score(pod, container, around.node_memory_bytes), around.available_capabilities
        ),
        seccomp=around.seccomp,
        apparmor=around.apparmor,
    )


def granted(container: Container, available: frozenset[str]) -> tuple[str, ...]:
    """The capabilities of its first process."""
    security = container.security_context
    named = security.capabilities if security else None
    return granted_capabilities(
        add=named.add if named else (),
        drop=named.drop if named else (),
        privileged=bool(security and security.privileged),
        available=available,
    )


def _allowed_score(score: int, available: frozenset[str]) -> int | None:
    """Lowering a process's score takes a capability that a lab node may lack; None leaves it as it is."""
    return None if score < 0 and "SYS_RESOURCE" not in available else score


def command(container: Container, image: ImageConfig, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Command replaces the image's entrypoint and its arguments, args the arguments alone (core/v1)."""
    start = container.command or image.entrypoint
    rest = container.args or (() if container.command else image.cmd)
    words = tuple(expand(word, environment) for word in container.command) or start
    words += tuple(expand(word, environment) for word in container.args) or rest
    if not words:
        raise NoCommand("no command specified: set command in the pod, or ENTRYPOINT or CMD in the image")
    return words
