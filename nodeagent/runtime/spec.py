"""The OCI runtime specification (config.json, spec 1.0.2) of one container, from values alone."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from nodeagent.cgroups.plan import Limits

# What Docker and containerd give a container that asks for nothing.
DEFAULT_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID",
    "SETFCAP", "SETPCAP", "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
# By bit number, include/uapi/linux/capability.h.
ALL_CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip
MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
    "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
)  # fmt: skip
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


class Mount(NamedTuple):
    """One mount; `source` is a path for binds, else the name that /proc/mounts shows."""

    destination: str
    source: str
    type: str = "bind"
    options: tuple[str, ...] = ("rbind", "rw")


class User(NamedTuple):
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()


class Launch(NamedTuple):
    """All that decides what one container run looks like to the kernel."""

    args: tuple[str, ...]
    env: tuple[str, ...]
    cwd: str
    rootfs: str
    user: User = User()
    terminal: bool = False
    read_only_root: bool = False
    mounts: tuple[Mount, ...] = ()
    shm_dir: str = ""
    namespaces: tuple[tuple[str, str], ...] = ()  # (kind, path); an empty path means a new one
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    privileged: bool = False
    no_new_privileges: bool = False
    mask_proc: bool = True
    cgroup_path: str = ""  # "" where no cgroup can be had
    limits: Limits = Limits()
    oom_score_adj: int | None = None
    seccomp: Mapping[str, Any] | None = None
    apparmor: str = ""


def granted_capabilities(
    *, add: tuple[str, ...], drop: tuple[str, ...], privileged: bool, available: frozenset[str]
) -> tuple[str, ...]:
    """The container's set: defaults, then drop, then add; never more than this agent itself may give.

    `add` and `drop` take "ALL" and names with or without "CAP_" (core/v1 Capabilities).
    """
    if privileged:
        return tuple(name for name in ALL_CAPABILITIES if name in available)
    added, dropped = ({name.upper().removeprefix("CAP_") for name in names} for names in (add, drop))
    kept = set() if "ALL" in dropped else set(DEFAULT_CAPABILITIES) - dropped
    kept |= set(ALL_CAPABILITIES) - dropped if "ALL" in added else added
    return tuple(name for name in ALL_CAPABILITIES if name in kept and name in available)


def capabilities_of_mask(mask: int) -> frozenset[str]:
    """Names of the bits of a CapBnd or CapEff line of /proc/PID/status."""
    return frozenset(name for bit, name in enumerate(ALL_CAPABILITIES) if mask >> bit & 1)


def oci_spec(launch: Launch) -> dict[str, Any]:
    """The config.json that runc 1.1 and crun 1.8 accept."""
    capabilities = [f"CAP_{name}" for name in launch.capabilities]
    process: dict[str, Any] = {
        "terminal": launch.terminal,
        "user": {"uid": launch.user.uid, "gid": launch.user.gid, "additionalGids": list(launch.user.groups)},
        "args": list(launch.args),
        "env": list(launch.env),
        "cwd": launch.cwd,
        "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
        "noNewPrivileges": launch.no_new_privileges,
    }
    if launch.oom_score_adj is not None:
        process["oomScoreAdj"] = launch.oom_score_adj
    if launch.apparmor:
        process["apparmorProfile"] = launch.apparmor
    linux: dict[str, Any] = {
        "namespaces": [
            {"type": kind, "path": path} if path else {"type": kind} for kind, path in launch.namespaces
        ],
        "resources": _resources(launch),
    }
    propagation = _root_propagation(launch.mounts)
    if propagation:
        linux["rootfsPropagation"] = propagation
    if launch.cgroup_path:
        linux["cgroupsPath"] = launch.cgroup_path
    if launch.mask_proc and not launch.privileged:
        linux["maskedPaths"] = list(MASKED_PATHS)
        linux["readonlyPaths"] = list(READONLY_PATHS)
    if launch.seccomp is not None:
        linux["seccomp"] = launch.seccomp
    return {
        "ociVersion": "1.0.2",
        "process": process,
        "root": {"path": launch.rootfs, "readonly": launch.read_only_root},
        "mounts": [
            {"destination": m.destination, "type": m.type, "source": m.source, "options": list(m.options)}
            for m in (*_system_mounts(launch), *launch.mounts)
        ],
        "linux": linux,
    }


def _root_propagation(mounts: tuple[Mount, ...]) -> str:
    """The root has to let through at least what one of its mounts does; "" is the runtime's choice."""
    options = {option for mount in mounts for option in mount.options}
    return next((name for name in ("rshared", "rslave") if name in options), "")


def _system_mounts(launch: Launch) -> tuple[Mount, ...]:
    access = "rw" if launch.privileged else "ro"
    secure = ("nosuid", "noexec", "nodev")
    mounts = [
        Mount("/proc", "proc", "proc", secure),
        Mount("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
        Mount(
            "/dev/pts",
            "devpts",
            "devpts",
            ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
        ),
        Mount("/dev/mqueue", "mqueue", "mqueue", secure),
        Mount("/sys", "sysfs", "sysfs", (*secure, access)),
    ]
    if launch.cgroup_path:
        mounts.append(Mount("/sys/fs/cgroup", "cgroup", "cgroup", (*secure, "relatime", access)))
    if launch.shm_dir:
        mounts.append(Mount("/dev/shm", launch.shm_dir, "bind", ("rbind", "rw", *secure)))  # noqa: S108  the container's path
    return tuple(mounts)


def _resources(launch: Launch) -> dict[str, Any]:
    """Limits for the cgroup; without a cgroup there must be none, else the runtime refuses to start."""
    if not launch.cgroup_path:
        return {}
    resources: dict[str, Any] = {"devices": [{"allow": launch.privileged, "access": "rwm"}]}
    limits = launch.limits
    if limits.memory_bytes is not None:
        resources["memory"] = {"limit": limits.memory_bytes}
    cpu: dict[str, int] = {}
    if limits.cpu_shares is not None:
        cpu["shares"] = limits.cpu_shares
    if limits.cpu_quota_us is not None:
        cpu |= {"quota": limits.cpu_quota_us, "period": limits.cpu_period_us}
    if cpu:
        resources["cpu"] = cpu
    return resources
