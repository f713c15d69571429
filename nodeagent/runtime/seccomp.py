"""The filter of system calls behind seccompProfile RuntimeDefault (seccomp(2), OCI runtime specification). Pure.

All calls are open but those that reach past a container: into the kernel's modules, clocks, keys, mounts and
namespaces, or into other processes' memory. A capability opens the calls it stands for.
"""

import platform
from typing import Any

_EPERM, _ENOSYS = 1, 38
# Calls that only harm: nobody in a container needs them, whatever its capabilities.
_ALWAYS = (
    "_sysctl", "add_key", "create_module", "get_kernel_syms", "io_uring_enter", "io_uring_register",
    "io_uring_setup", "kexec_file_load", "kexec_load", "keyctl", "move_pages", "nfsservctl",
    "query_module", "request_key", "sysfs", "uselib", "userfaultfd", "ustat", "vm86", "vm86old",
)  # fmt: skip
_BY_CAPABILITY: dict[str, tuple[str, ...]] = {
    "SYS_ADMIN": (
        "fanotify_init", "fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie", "mount", "mount_setattr",
        "move_mount", "open_tree", "pivot_root", "quotactl", "quotactl_fd", "setdomainname", "sethostname",
        "setns", "swapoff", "swapon", "umount", "umount2", "unshare",
    ),
    "SYS_BOOT": ("reboot",),
    "SYS_MODULE": ("delete_module", "finit_module", "init_module"),
    "SYS_NICE": ("get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"),
    "SYS_PACCT": ("acct",),
    "SYS_PTRACE": ("kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev"),
    "SYS_RAWIO": ("ioperm", "iopl"),
    "SYS_TIME": ("clock_adjtime", "clock_settime", "clock_settime64", "settimeofday", "stime"),
    "SYS_TTY_CONFIG": ("vhangup",),
    "SYSLOG": ("syslog",),
    "DAC_READ_SEARCH": ("open_by_handle_at",),
    "BPF": ("bpf",),
    "PERFMON": ("perf_event_open",),
}  # fmt: skip
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (clone(2)).
_NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_ARCHITECTURES = {
    "x86_64": ("SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"),
    "aarch64": ("SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"),
    "riscv64": ("SCMP_ARCH_RISCV64",),
    "ppc64le": ("SCMP_ARCH_PPC64LE",),
}


def default_filter(capabilities: tuple[str, ...], machine: str = "") -> dict[str, Any]:
    """`capabilities` are the container's, without CAP_; `machine` is uname's, this one's by default."""
    denied = list(_ALWAYS)
    for capability, calls in _BY_CAPABILITY.items():
        if capability not in capabilities and not (
            capability in {"BPF", "PERFMON"} and "SYS_ADMIN" in capabilities
        ):
            denied += calls
    rules: list[dict[str, Any]] = [_refused(denied, _EPERM)]
    if "SYS_ADMIN" not in capabilities:
        rules += [_refused(["clone"], _EPERM, flag) for flag in _NEW_NAMESPACES]
        # Its flags lie in memory that a filter cannot read: told that it does not exist, libc takes clone.
        rules.append(_refused(["clone3"], _ENOSYS))
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": list(_ARCHITECTURES.get(machine or platform.machine(), ())),
        "syscalls": rules,
    }


def _refused(names: list[str], errno: int, flag: int = 0) -> dict[str, Any]:
    """With `flag` only where the first argument has that bit."""
    rule: dict[str, Any] = {"names": sorted(names), "action": "SCMP_ACT_ERRNO", "errnoRet": errno}
    if flag:
        rule["args"] = [{"index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ"}]
    return rule
