"""What a lab member sees of the host's files: the same paths, except the folders that must be its own.

/run, the folders of podnet and those of CNI are fresh (the host's podman has configurations of its own); /etc and
/var/lib are the host's with the member's changes on top, so that nothing is made on the host. /proc, /sys and the cgroups are those
of the member's namespaces.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from linux import mounts
from netns_fixtures import cgroups_apply

_LAYERS = "/run/.klab"
_FRESH = ("/var/lib/podnet", "/var/lib/cni", "/etc/cni", "/etc/podnet")
_MADE = ("/run/podnet", "/run/lock", "/etc/cni/net.d")


def enter_member(hostname: str, hosts: dict[str, str], kept: Path) -> None:
    """Called as PID 1 in new mount, PID and cgroup namespaces; `kept` stays the host's folder, shared with it."""
    host_cgroups = cgroups_apply.hierarchies(mounts.mounts())
    resolv_conf = _read("/etc/resolv.conf")
    mounts.make_private()
    mounts.mount("proc", "/proc", "proc")
    with _kept_mounts(("/etc", "/var/lib"), kept):
        mounts.mount("tmpfs", "/run", "tmpfs", 0, "mode=755")
        for path in ("/etc", "/var/lib"):
            _overlay(path)
    for folder in _FRESH:
        mounts.mount("tmpfs", _made(folder), "tmpfs", 0, "mode=755")
    for folder in _MADE:
        _made(folder)
    mounts.mount("sysfs", "/sys", "sysfs")
    cgroups_apply.mount_own(host_cgroups)
    _write("/etc/hostname", f"{hostname}\n")
    _write(
        "/etc/hosts",
        "127.0.0.1 localhost\n::1 localhost\n" + "".join(f"{ip} {name}\n" for ip, name in hosts.items()),
    )
    _write("/etc/resolv.conf", resolv_conf)


def enter_hub() -> None:
    """The hub needs only a /proc of its own PID namespace."""
    mounts.make_private()
    mounts.mount("proc", "/proc", "proc")


def _overlay(path: str) -> None:
    upper = _made(f"{_LAYERS}{path}/upper")
    work = _made(f"{_LAYERS}{path}/work")
    mounts.mount("overlay", path, "overlay", 0, f"lowerdir={path},upperdir={upper},workdir={work}")


@contextmanager
def _kept_mounts(covered: tuple[str, ...], kept: Path) -> Iterator[None]:
    """Mounts below the covered folders, and `kept`, are shown again at their paths once those are covered."""
    prefixes = tuple(f"{path}/" for path in covered)
    targets = [entry.target for entry in mounts.mounts() if entry.target.startswith(prefixes)]
    if str(kept).startswith((*prefixes, "/run/")):
        targets.append(str(kept))
    opened = [
        (target, os.open(target, os.O_PATH | os.O_CLOEXEC)) for target in targets if os.path.exists(target)
    ]
    yield
    for target, fd in opened:
        if Path(f"/proc/self/fd/{fd}").is_dir():
            _made(target)
            mounts.bind(f"/proc/self/fd/{fd}", target, recursive=True)
        os.close(fd)


def _made(path: str) -> str:
    os.makedirs(path, exist_ok=True)
    return path


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _write(path: str, text: str) -> None:
    """Replace, never write through: /etc/resolv.conf is often a link into a folder that is not here."""
    file = Path(path)
    file.unlink(missing_ok=True)
    file.write_text(text)
