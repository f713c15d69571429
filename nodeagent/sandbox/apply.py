"""A pod's namespaces, pinned by bind mounts: no pause process has to live for them."""

import os
import shutil
import socket
from collections.abc import Mapping

from linux import libc, mounts, netns
from linux.rtnl import Rtnl

_FLAGS = {"net": libc.CLONE_NEWNET, "ipc": libc.CLONE_NEWIPC, "uts": libc.CLONE_NEWUTS}
_SHM_OPTIONS = "mode=1777,size=67108864"  # 64 MiB, what container runtimes give


def create_namespaces(
    pins: Mapping[str, str], *, hostname: str, sysctls: Mapping[str, str], shared_net: str = ""
) -> None:
    """Make the namespaces named by `pins` (net, ipc, uts → path) in one thread and pin them; the loopback is up.

    `hostname` is set in the new UTS namespace, `sysctls` (dotted names) in the new net and IPC ones.
    With `shared_net` the network is not a new one but the one that is pinned there.
    """

    def work() -> None:
        flags = 0
        for kind in pins:
            flags |= 0 if kind == "net" and shared_net else _FLAGS[kind]
        libc.unshare(flags)
        if shared_net:
            with open(shared_net, "rb") as pin:
                libc.setns(pin.fileno(), libc.CLONE_NEWNET)
        if "uts" in pins:
            socket.sethostname(hostname)
        if "net" in pins:
            with Rtnl() as rtnl:
                rtnl.set_link(1, up=True)  # the loopback is always number 1
        for name, value in sysctls.items():
            with open(f"/proc/sys/{name.replace('.', '/')}", "w", encoding="ascii") as file:
                file.write(value)
        for kind, path in pins.items():
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
            mounts.bind(f"/proc/thread-self/ns/{kind}", path)

    netns.in_thread(work)


def mount_shm(path: str) -> None:
    """The pod's shared /dev/shm."""
    os.makedirs(path, exist_ok=True)
    flags = mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC
    mounts.mount("shm", path, "tmpfs", flags, _SHM_OPTIONS)


def pinned(path: str) -> bool:
    """Whether a namespace is really there: after a reboot the file may be, the mount is not."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        return netns.is_netns(fd)
    finally:
        os.close(fd)


def remove(folder: str) -> None:
    """Unmount everything below the pod's run folder and delete it. Absent is fine."""
    if os.path.isdir(folder):
        mounts.umount_tree(folder)
        shutil.rmtree(folder, ignore_errors=True)
