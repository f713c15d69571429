"""Which of the node's paths a container sees where."""

from collections.abc import Mapping

from kube.objects import Pod
from kube.objects.containers import Container, VolumeMount
from kube.objects.volumes import Volume
from nodeagent.places import Places
from nodeagent.runtime.spec import Mount
from nodeagent.volumes.files import is_generated

_PROPAGATION = {"HostToContainer": "rslave", "Bidirectional": "rshared"}


class UnsupportedVolume(Exception):
    """A volume type that this agent does not know."""


def volume_path(places: Places, uid: str, volume: Volume) -> str:
    """Where the volume lies on this node. Raises UnsupportedVolume."""
    if is_generated(volume):
        return places.generated_volume(uid, volume.name)
    if volume.host_path:
        return volume.host_path.path
    if volume.empty_dir and not volume.empty_dir.medium.startswith("HugePages"):
        memory = volume.empty_dir.medium == "Memory"
        return places.generated_volume(uid, volume.name) if memory else places.empty_dir(uid, volume.name)
    if volume.persistent_volume_claim or volume.ephemeral or volume.image:
        return places.attached_volume(uid, volume.name)
    raise UnsupportedVolume(
        f'volume "{volume.name}" is of a type this node cannot mount: it knows emptyDir, hostPath, configMap, '
        "secret, projected, downwardAPI, image, persistentVolumeClaim and ephemeral"
    )


def bind_mount(pod: Pod, mount: VolumeMount, source: str) -> Mount:
    """The bind mount for one volumeMount; generated volumes are read-only by nature."""
    volume = next(v for v in pod.spec.volumes if v.name == mount.name)
    claim = volume.persistent_volume_claim
    read_only = (
        mount.read_only or is_generated(volume) or bool(volume.image) or bool(claim and claim.read_only)
    )
    propagation = _PROPAGATION.get(mount.mount_propagation, "rprivate")
    destination = mount.mount_path if mount.mount_path.startswith("/") else f"/{mount.mount_path}"
    options = ["rbind", "ro" if read_only else "rw", propagation]
    if mount.recursive_read_only in {"Enabled", "IfPossible"}:
        options.append("rro")  # everything mounted below it as well (KEP-3857)
    return Mount(destination, source, "bind", tuple(options))


def etc_mounts(places: Places, uid: str, container: Container, termination_log: str) -> tuple[Mount, ...]:
    """The files in /etc that the agent writes, and where the container leaves its last words."""
    options = ("rbind", "rw", "rprivate")
    files = [
        Mount(f"/etc/{name}", places.etc(uid, name), "bind", options)
        for name in ("hosts", "hostname", "resolv.conf")
    ]
    if container.termination_message_path and termination_log:
        files.append(Mount(container.termination_message_path, termination_log, "bind", options))
    return tuple(files)


def namespaces(pod: Pod, pins: Mapping[str, str], shared_pid: str) -> tuple[tuple[str, str], ...]:
    """(kind, path) for the OCI spec: the pod's pinned ones, a new mount namespace, none that the host lends.

    `shared_pid` is the PID namespace of another container or of all of them, "" if it gets its own.
    """
    kinds = [("mount", "")]
    if not pod.spec.host_pid:
        kinds.append(("pid", shared_pid))
    return (*kinds, *pinned_namespaces(pins))


def pinned_namespaces(pins: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The same pins under the OCI specification's names."""
    names = {"net": "network", "ipc": "ipc", "uts": "uts"}
    return tuple((names[kind], path) for kind, path in pins.items())


def pod_cgroup(root: str, uid: str) -> str:
    """Below the hierarchy's mount point; "" where no cgroup can be had."""
    return f"{root}/pod{uid}" if root else ""


def container_cgroup(root: str, uid: str, container_id: str) -> str:
    return f"{pod_cgroup(root, uid)}/{container_id}" if root else ""


def own_namespaces(pod: Pod) -> tuple[str, ...]:
    """The kinds that are pinned for the pod; the host's network brings the host's name with it."""
    kinds = []
    if not pod.spec.host_network:
        kinds += ["net", "uts"]
    if not pod.spec.host_ipc:
        kinds.append("ipc")
    return tuple(kinds)
