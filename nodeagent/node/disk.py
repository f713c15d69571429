"""Reading what this machine is."""

import os
import platform
import re

from nodeagent.images.manifest import go_architecture
from nodeagent.node.plan import Machine
from nodeagent.pods import resolv
from nodeagent.pods.resolv import ResolvConf
from nodeagent.runtime.spec import capabilities_of_mask

_UPSTREAM_RESOLV = "/run/systemd/resolve/resolv.conf"  # what systemd-resolved's stub forwards to


def read_machine(root_dir: str) -> Machine:
    os.makedirs(root_dir, exist_ok=True)
    disk = os.statvfs(root_dir)
    memory = re.search(r"^MemTotal:\s+(\d+) kB", _text("/proc/meminfo"), re.MULTILINE)
    release = re.search(r'^PRETTY_NAME="?([^"\n]*)', _text("/etc/os-release"), re.MULTILINE)
    machine_id = _text("/etc/machine-id").strip()
    return Machine(
        hostname=os.uname().nodename,
        cpu_count=len(os.sched_getaffinity(0)),
        memory_bytes=int(memory[1]) * 1024 if memory else 0,
        disk_bytes=disk.f_frsize * disk.f_blocks,
        machine_id=machine_id,
        system_uuid=_text("/sys/class/dmi/id/product_uuid").strip() or machine_id,
        boot_id=_text("/proc/sys/kernel/random/boot_id").strip(),
        kernel=os.uname().release,
        os_image=release[1] if release else "Linux",
        architecture=go_architecture(platform.machine()),
    )


def read_resolv(path: str) -> ResolvConf:
    """The node's resolver; where that is only a stub on the loopback, the servers behind it."""
    conf = resolv.parse(_text(path))
    if resolv.only_loopback(conf):
        upstream = resolv.parse(_text(_UPSTREAM_RESOLV))
        return upstream._replace(searches=upstream.searches or conf.searches)
    return conf


def own_capabilities() -> frozenset[str]:
    """What this process may pass on to containers."""
    bounding = re.search(r"^CapBnd:\s+([0-9a-f]+)", _text("/proc/self/status"), re.MULTILINE)
    return capabilities_of_mask(int(bounding[1], 16)) if bounding else frozenset()


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
