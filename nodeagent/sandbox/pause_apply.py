"""The process that stays for a pod whose containers share one PID namespace: that namespace ends with its first process."""

import os
from collections.abc import Sequence

from linux import mounts
from nodeagent.images.builtin.content import PERL_PATH
from nodeagent.images.manifest import Image
from nodeagent.runtime.apply import OciRuntime, mount_rootfs, remove_bundle, write_bundle
from nodeagent.runtime.spec import Launch, oci_spec

# Ignored children are reaped by the kernel, so orphans of the containers do not pile up.
_PROGRAM = "$SIG{CHLD} = 'IGNORE'; $SIG{TERM} = sub { exit 0 }; sleep while 1"


def start_pause(
    runtime: OciRuntime,
    folder: str,
    container_id: str,
    image: Image,
    namespaces: tuple[tuple[str, str], ...],
    cgroup_path: str,
) -> str:
    """Run it with `folder` as its bundle; the path where its PID namespace is pinned. Raises RuntimeFailed."""
    os.makedirs(folder, exist_ok=True)
    mount_rootfs(f"{folder}/rootfs", image.lowers, f"{folder}/layer")
    launch = Launch(
        args=(PERL_PATH, "-e", _PROGRAM),
        env=("PATH=/bin",),
        cwd="/",
        rootfs=f"{folder}/rootfs",
        namespaces=(("pid", ""), ("mount", ""), *namespaces),
        capabilities=(),
        no_new_privileges=True,
        cgroup_path=cgroup_path,
    )
    write_bundle(folder, oci_spec(launch))
    created = runtime.create(
        folder, container_id, log_path=f"{folder}/log", tty=False, stdin=False, stdin_once=False
    )
    runtime.start(container_id)
    pin = f"{folder}/pidns"
    os.close(os.open(pin, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
    mounts.bind(f"/proc/{created.pid}/ns/pid", pin)
    return pin


def stop_pause(runtime: OciRuntime, folder: str, container_ids: Sequence[str]) -> None:
    """Absent is fine."""
    if os.path.isdir(folder):
        for container_id in container_ids:
            runtime.delete(container_id)
        mounts.umount_tree(folder)
        remove_bundle(folder, f"{folder}/layer")
