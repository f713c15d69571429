"""Limits as the files of a cgroup, in the older and the newer layout (cgroups(7), kernel's cgroup-v2). Pure."""

from typing import NamedTuple


class Limits(NamedTuple):
    """What a cgroup may use; None means without limit, for cpu_shares the kernel's default."""

    memory_bytes: int | None = None
    cpu_shares: int | None = None
    cpu_quota_us: int | None = None
    cpu_period_us: int = 100_000
    pids_max: int | None = None


class Setting(NamedTuple):
    """One file of one controller's folder."""

    controller: str
    file: str
    value: str


_DEFAULT_SHARES = 1024
_NONE = "-1"


def settings_v1(limits: Limits) -> tuple[Setting, ...]:
    quota = _NONE if limits.cpu_quota_us is None else str(limits.cpu_quota_us)
    memory = _NONE if limits.memory_bytes is None else str(limits.memory_bytes)
    return (
        Setting("cpu", "cpu.shares", str(limits.cpu_shares or _DEFAULT_SHARES)),
        Setting("cpu", "cpu.cfs_period_us", str(limits.cpu_period_us)),
        Setting("cpu", "cpu.cfs_quota_us", quota),
        Setting("memory", "memory.limit_in_bytes", memory),
        Setting("pids", "pids.max", _or_max(limits.pids_max)),
    )


def settings_v2(limits: Limits) -> tuple[Setting, ...]:
    return (
        Setting("cpu", "cpu.weight", str(weight(limits.cpu_shares or _DEFAULT_SHARES))),
        Setting("cpu", "cpu.max", f"{_or_max(limits.cpu_quota_us)} {limits.cpu_period_us}"),
        Setting("memory", "memory.max", _or_max(limits.memory_bytes)),
        Setting("pids", "pids.max", _or_max(limits.pids_max)),
    )


def weight(shares: int) -> int:
    """Shares (2 to 262144) as a weight (1 to 10000), on a line as OCI runtimes draw it."""
    return 1 + (shares - 2) * 9999 // 262142


def _or_max(value: int | None) -> str:
    return "max" if value is None else str(value)
