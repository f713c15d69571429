"""Starting and ending a pod's containers, making its volumes. Blocks; runs in a thread of its own."""

import os
import shutil
import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from kube.objects import Pod, claim_of
from kube.objects.containers import Container
from kube.objects.volumes import Volume
from kube.scheduler.quantity import units
from nodeagent.cgroups import apply as cgroups_apply
from nodeagent.cgroups.plan import Limits
from nodeagent.images.manifest import Image
from nodeagent.logs.apply import remove_log
from nodeagent.pods import disk, mounts
from nodeagent.pods.containers import container_named
from nodeagent.pods.env import environment, expand
from nodeagent.pods.fields import hostname
from nodeagent.pods.launch import Surroundings, granted, launch
from nodeagent.pods.mounts import container_cgroup, pod_cgroup
from nodeagent.pods.resources import container_limits, pod_limits
from nodeagent.pods.security_disk import apparmor_profile, seccomp_filter
from nodeagent.pods.setup import NodeSetup, pod_facts
from nodeagent.pods.sources import MissingSource, Ref, Sources, words
from nodeagent.pods.times import rfc3339
from nodeagent.pods.users import resolve_user
from nodeagent.runtime import apply as runtime_apply
from nodeagent.runtime.apply import RuntimeFailed
from nodeagent.runtime.records import ContainerRecord, Exit, SandboxRecord
from nodeagent.runtime.spec import Mount, oci_spec
from nodeagent.sandbox import apply as sandbox_apply
from nodeagent.volumes import apply as volumes_apply
from nodeagent.volumes.attach_apply import attach_folder, attach_image, give_to_group
from nodeagent.volumes.files import is_generated, volume_files

_START_ERROR_CODE = 128  # what container runtimes report for a process that never ran


class ContainerOrder(NamedTuple):
    """One container to start, with all that was looked up for it."""

    pod: Pod
    container: Container
    attempt: int
    image: Image
    sandbox: SandboxRecord
    sources: Sources
    services: Mapping[str, str]
    target_pid: int = 0  # the process whose PID namespace an ephemeral container joins


def make_volumes(
    node: NodeSetup, pod: Pod, sources: Sources, images: Mapping[str, Image], ips: tuple[str, ...]
) -> None:
    """All volumes of the pod; `images` are those of its image volumes by name. Raises VolumeFailed, MissingSource."""
    security = pod.spec.security_context
    group = security.fs_group if security else None
    for volume in pod.spec.volumes:
        path = mounts.volume_path(node.places, pod.metadata.uid, volume)
        if volume.host_path:
            volumes_apply.check_host_path(path, volume.host_path.type)
        elif volume.image:
            attach_image(path, images[volume.name].lowers)
        elif (claim := claim_of(pod.metadata.name, volume)) is not None:
            _attach_claim(pod, claim, path, sources)
        elif not is_generated(volume):
            _make_empty_dir(volume, path, group)
    refresh_volumes(node, pod, sources, ips)


def refresh_volumes(node: NodeSetup, pod: Pod, sources: Sources, ips: tuple[str, ...]) -> None:
    """Bring the volumes with content from the API to that content. Raises VolumeFailed, MissingSource."""
    security = pod.spec.security_context
    group = security.fs_group if security else None
    for volume in pod.spec.volumes:
        if is_generated(volume):
            path = mounts.volume_path(node.places, pod.metadata.uid, volume)
            volumes_apply.write_files(path, volume_files(volume, pod, sources, pod_facts(node, ips)), group)


def _attach_claim(pod: Pod, claim: str, path: str, sources: Sources) -> None:
    ref = Ref("Claim", claim)
    found = sources.get(ref)
    if found is None:
        raise MissingSource(f"{words(ref)} not found")
    folder = found.data["path"].decode()
    if "local" not in found.data:
        volumes_apply.check_host_path(folder, found.data["type"].decode())
    attach_folder(folder, path)
    security = pod.spec.security_context
    if "local" in found.data and security and security.fs_group is not None:
        give_to_group(folder, security.fs_group, security.fs_group_change_policy)


def _make_empty_dir(volume: Volume, path: str, group: int | None) -> None:
    assert volume.empty_dir is not None
    size = volume.empty_dir.size_limit
    volumes_apply.make_empty_dir(
        path,
        memory=volume.empty_dir.medium == "Memory",
        size_bytes=units(str(size)) if size else None,
        group=group,
    )


def start_container(node: NodeSetup, order: ContainerOrder) -> ContainerRecord:
    """Create and start one run. A runtime's refusal gives a record that has already ended (StartError);
    MissingSource, UserRefused, NoCommand and VolumeFailed are raised before anything exists.
    """
    pod, container = order.pod, order.container
    uid, places = pod.metadata.uid, node.places
    bundle = places.container(uid, container.name, order.attempt)
    layer = writable_layer(node, order)
    runtime_apply.remove_bundle(bundle, layer)
    os.makedirs(bundle)
    rootfs = f"{bundle}/rootfs"
    runtime_apply.mount_rootfs(rootfs, order.image.lowers, layer)
    container_id = f"{uid}-{container.name}-{order.attempt}"
    termination_log = f"{bundle}/termination-log"
    with open(termination_log, "wb"):
        os.chmod(termination_log, 0o666)  # noqa: S103  any user of the container may write it
    record = ContainerRecord(
        name=container.name,
        attempt=order.attempt,
        id=container_id,
        sandbox_id=order.sandbox.id,
        image=container.image,
        image_id=order.image.id,
        created_at=rfc3339(time.time()),
        log_path=places.log(uid, container.name, order.attempt),
        termination_log=termination_log,
        stop_signal=_stop_signal(container, order.image),
        resources=container.resources,
        foreign_pid=bool(pod.spec.host_pid or order.sandbox.shared_pid or order.target_pid),
    )
    try:
        what = launch(pod, container, order.image.config, _surroundings(node, order, rootfs, record))
    except BaseException:
        runtime_apply.remove_bundle(bundle, layer)
        raise
    runtime_apply.write_bundle(bundle, oci_spec(what))
    user = what.user
    return _run(node, order, bundle, msgspec.structs.replace(record, user=(user.uid, user.gid, user.groups)))


def _stop_signal(container: Container, image: Image) -> str:
    """lifecycle.stopSignal (KEP-4960), then the image's STOPSIGNAL."""
    own = container.lifecycle.stop_signal if container.lifecycle else ""
    return own or image.config.stop_signal


def _run(node: NodeSetup, order: ContainerOrder, bundle: str, record: ContainerRecord) -> ContainerRecord:
    uid, container = order.pod.metadata.uid, order.container
    disk.save_container(
        node.places, uid, record
    )  # first: what an agent that dies here left behind must be found
    try:
        created = node.runtime.create(
            bundle,
            record.id,
            log_path=record.log_path,
            tty=container.tty,
            stdin=container.stdin,
            stdin_once=container.stdin_once,
        )
        record = msgspec.structs.replace(record, pid=created.pid, monitor_pid=created.monitor_pid)
        disk.save_container(node.places, uid, record)
        node.runtime.start(record.id)
    except RuntimeFailed as error:
        exit_ = Exit(
            code=_START_ERROR_CODE, finished_at=rfc3339(time.time()), reason="StartError", message=str(error)
        )
        record = msgspec.structs.replace(record, exit=exit_)
        release_run(node, order.pod.metadata.uid, record)
        return record
    record = msgspec.structs.replace(record, started_at=rfc3339(time.time()))
    disk.save_container(node.places, uid, record)
    return record


def writable_layer(node: NodeSetup, order: ContainerOrder) -> str:
    """Where the overlay's upper folder goes: not below the lower one, so podnet/host's lies in the run folder."""
    uid, name = order.pod.metadata.uid, order.container.name
    if order.image.host:
        return f"{node.places.pod_run(uid)}/layers/{name}.{order.attempt}"
    return node.places.writable_layer(uid, name, order.attempt)


def _surroundings(
    node: NodeSetup, order: ContainerOrder, rootfs: str, record: ContainerRecord
) -> Surroundings:
    pod, container = order.pod, order.container
    uid = pod.metadata.uid
    pins = {kind: node.places.namespace(uid, kind) for kind in mounts.own_namespaces(pod)}
    own_name = os.uname().nodename if pod.spec.host_network else hostname(pod)
    values = environment(
        pod,
        container,
        image_env=order.image.config.env,
        services=order.services,
        sources=order.sources,
        facts=pod_facts(node, order.sandbox.ips),
        hostname=own_name,
    )
    image_user = order.image.config.user
    return Surroundings(
        rootfs=rootfs,
        user=resolve_user(
            pod, container, image_user, _text(f"{rootfs}/etc/passwd"), _text(f"{rootfs}/etc/group")
        ),
        environment=values,
        volume_mounts=_volume_mounts(node, pod, container, values),
        etc_mounts=mounts.etc_mounts(node.places, uid, container, record.termination_log),
        shm_dir="/dev/shm" if pod.spec.host_ipc else node.places.shm(uid),  # noqa: S108  the node's own
        namespaces=mounts.namespaces(pod, pins, order.sandbox.shared_pid or _target_pid_namespace(order)),
        cgroup_path=mounts.container_cgroup(node.cgroup_root, uid, record.id),
        node_memory_bytes=node.node_memory_bytes,
        available_capabilities=node.capabilities,
        seccomp=seccomp_filter(
            pod,
            container,
            node.places.seccomp,
            granted(container, node.capabilities),
            default=node.seccomp_default,
        ),
        apparmor=apparmor_profile(pod, container),
    )


def _target_pid_namespace(order: ContainerOrder) -> str:
    return f"/proc/{order.target_pid}/ns/pid" if order.target_pid else ""


def _volume_mounts(
    node: NodeSetup, pod: Pod, container: Container, values: Mapping[str, str]
) -> tuple[Mount, ...]:
    volumes = {volume.name: volume for volume in pod.spec.volumes}
    found = []
    for mount in container.volume_mounts:
        source = mounts.volume_path(node.places, pod.metadata.uid, volumes[mount.name])
        relative = expand(mount.sub_path_expr, values) if mount.sub_path_expr else mount.sub_path
        if relative:
            source = volumes_apply.sub_path(source, relative)
        found.append(mounts.bind_mount(pod, mount, source))
    return tuple(found)


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def collect_exit(node: NodeSetup, pod: Pod | None, uid: str, record: ContainerRecord) -> ContainerRecord:
    """The record with how the run ended; its mounts, cgroup and writable layer are given back, its log stays."""
    container = container_named(pod, record.name) if pod else None
    policy = container.termination_message_policy if container else "File"
    exit_ = disk.read_exit(node.places, uid, record, fallback_to_logs=policy != "File", now_s=time.time())
    ended = msgspec.structs.replace(record, exit=exit_)
    release_run(node, uid, ended)
    return ended


def resize(node: NodeSetup, pod: Pod, container: Container, record: ContainerRecord) -> ContainerRecord:
    """Give a running container's cgroup, and the pod's around it, what the specification asks for. Raises OSError."""
    uid = pod.metadata.uid
    if node.cgroup_root:
        around, inside = pod_cgroup(node.cgroup_root, uid), container_cgroup(node.cgroup_root, uid, record.id)
        wanted = pod_limits(pod, node.pids_max)
        # A child may not have more than its parent: until the children have changed the parent has no limits.
        cgroups_apply.limit(around, Limits(cpu_shares=wanted.cpu_shares, pids_max=node.pids_max))
        cgroups_apply.limit(inside, container_limits(container.resources))
        cgroups_apply.limit(around, wanted)
    resized = msgspec.structs.replace(record, resources=container.resources)
    disk.save_container(node.places, uid, resized)
    return resized


def release_run(node: NodeSetup, uid: str, record: ContainerRecord) -> None:
    """After the end of a run only its record and its log remain."""
    node.runtime.delete(record.id)
    bundle = node.places.container(uid, record.name, record.attempt)
    for layer in _layers(node, uid, record):
        runtime_apply.remove_bundle(bundle, layer)
    disk.save_container(node.places, uid, record)


def _layers(node: NodeSetup, uid: str, record: ContainerRecord) -> tuple[str, str]:
    name = f"{record.name}.{record.attempt}"
    return (
        f"{node.places.pod_run(uid)}/layers/{name}",
        node.places.writable_layer(uid, record.name, record.attempt),
    )


def discard_run(node: NodeSetup, uid: str, record: ContainerRecord) -> None:
    """Undo a run whose start an agent did not live to see: as if it had never been."""
    node.runtime.delete(record.id)
    bundle = node.places.container(uid, record.name, record.attempt)
    for layer in _layers(node, uid, record):
        runtime_apply.remove_bundle(bundle, layer)
    remove_log(record.log_path)


def remove_run(node: NodeSetup, uid: str, record: ContainerRecord) -> None:
    """Forget an ended run with its log."""
    shutil.rmtree(node.places.container(uid, record.name, record.attempt), ignore_errors=True)
    remove_log(record.log_path)


def remove_pod(node: NodeSetup, uid: str) -> None:
    """Everything of a pod that does not run any more. Absent is fine."""
    if node.cgroup_root:
        cgroups_apply.remove(pod_cgroup(node.cgroup_root, uid))
    sandbox_apply.remove(node.places.pod_run(uid))
    sandbox_apply.remove(node.places.pod_root(uid))
    disk.remove_pod(node.places, uid)
