"""Doing to the node what a pod's plan says. Everything here blocks and runs in a thread of its own."""

import os
import shutil
import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from kube.objects import Pod
from kube.objects.containers import Container
from kube.objects.volumes import Volume
from kube.scheduler.quantity import units
from nodeagent.cni.apply import Cni
from nodeagent.cni.conflist import NetworkList
from nodeagent.cni.invocation import Attachment, addresses, pod_attachment
from nodeagent.images.manifest import Image
from nodeagent.places import Places
from nodeagent.pods import disk, mounts
from nodeagent.pods.env import environment, expand
from nodeagent.pods.fields import PodFacts, fqdn, hostname
from nodeagent.pods.hosts import host_network_hosts, pod_hosts
from nodeagent.pods.launch import Surroundings, launch
from nodeagent.pods.resolv import ResolvConf, pod_resolv
from nodeagent.pods.sources import Sources
from nodeagent.pods.times import rfc3339
from nodeagent.pods.users import resolve_user
from nodeagent.runtime import apply as runtime_apply
from nodeagent.runtime.apply import OciRuntime, RuntimeFailed
from nodeagent.runtime.records import ContainerRecord, Exit, SandboxRecord
from nodeagent.runtime.spec import Mount, oci_spec
from nodeagent.sandbox import apply as sandbox_apply
from nodeagent.volumes import apply as volumes_apply
from nodeagent.volumes.files import is_generated, volume_files

_START_ERROR_CODE = 128  # what container runtimes report for a process that never ran


class NodeSetup(NamedTuple):
    """What all pods of this node share."""

    places: Places
    runtime: OciRuntime
    cni: Cni
    cluster_dns: tuple[str, ...]
    cluster_domain: str
    node_resolv: ResolvConf
    node_ips: tuple[str, ...]
    node_cpu_milli: int
    node_memory_bytes: int
    cgroup_root: str  # "" where no cgroup can be had
    capabilities: frozenset[str]


class ContainerOrder(NamedTuple):
    """One container to start, with all that was looked up for it."""

    pod: Pod
    container: Container
    attempt: int
    image: Image
    sandbox: SandboxRecord
    sources: Sources
    services: Mapping[str, str]


def pod_facts(node: NodeSetup, ips: tuple[str, ...]) -> PodFacts:
    return PodFacts(ips, node.node_ips, node.node_cpu_milli, node.node_memory_bytes)


def create_sandbox(node: NodeSetup, pod: Pod, attempt: int, network: NetworkList | None) -> SandboxRecord:
    """Namespaces, network, /etc files. Raises PluginError, OSError; nothing stays behind then but pins to remove."""
    uid, spec = pod.metadata.uid, pod.spec
    pins = {kind: node.places.namespace(uid, kind) for kind in mounts.own_namespaces(pod)}
    sandbox_apply.remove(node.places.pod_run(uid) + "/ns")
    sysctls = {s.name: s.value for s in spec.security_context.sysctls} if spec.security_context else {}
    name = fqdn(pod, node.cluster_domain) if spec.set_hostname_as_fqdn else ""
    sandbox_apply.create_namespaces(pins, hostname=name or hostname(pod), sysctls=sysctls)
    if not os.path.ismount(node.places.shm(uid)):
        sandbox_apply.mount_shm(node.places.shm(uid))
    record = SandboxRecord(
        pod_uid=uid,
        pod_namespace=pod.metadata.namespace,
        pod_name=pod.metadata.name,
        id=f"{uid}-{attempt}",
        created_at=rfc3339(time.time()),
        attempt=attempt,
        host_network=spec.host_network,
        netns=pins.get("net", ""),
        ips=node.node_ips if spec.host_network else (),
        port_mappings=_port_mappings(pod),
    )
    # Before the network is attached: whatever happens now, a later start of the agent finds what to undo.
    disk.save_sandbox(node.places, record)
    if not spec.host_network:
        assert network is not None
        result = node.cni.add(network, _attachment(record))
        record = msgspec.structs.replace(record, ips=addresses(result, record.netns))
        disk.save_sandbox(node.places, record)
    _write_etc(node, pod, record)
    return record


def _attachment(record: SandboxRecord) -> Attachment:
    return pod_attachment(
        record.id,
        record.netns,
        namespace=record.pod_namespace,
        name=record.pod_name,
        uid=record.pod_uid,
        port_mappings=record.port_mappings,
    )


def _port_mappings(pod: Pod) -> tuple[dict[str, object], ...]:
    if pod.spec.host_network:
        return ()
    return tuple(
        {
            "hostPort": port.host_port,
            "containerPort": port.container_port,
            "protocol": port.protocol.lower(),
            **({"hostIP": port.host_ip} if port.host_ip else {}),
        }
        for container in (*pod.spec.containers, *pod.spec.init_containers)
        for port in container.ports
        if port.host_port
    )


def _write_etc(node: NodeSetup, pod: Pod, record: SandboxRecord) -> None:
    uid, aliases = pod.metadata.uid, pod.spec.host_aliases
    if pod.spec.host_network:
        with open("/etc/hosts", encoding="utf-8", errors="replace") as file:
            hosts = host_network_hosts(file.read(), aliases)
    else:
        hosts = pod_hosts(record.ips, hostname(pod), fqdn(pod, node.cluster_domain), aliases)
    resolv = pod_resolv(
        pod.spec,
        pod.metadata.namespace,
        cluster_dns=node.cluster_dns,
        cluster_domain=node.cluster_domain,
        node=node.node_resolv,
    )
    name = os.uname().nodename if pod.spec.host_network else hostname(pod)
    os.makedirs(node.places.etc(uid, ""), exist_ok=True)
    for each, text in (("hosts", hosts), ("hostname", f"{name}\n"), ("resolv.conf", str(resolv))):
        # Written in place: containers hold these very files by bind mounts.
        with open(node.places.etc(uid, each), "w", encoding="utf-8") as file:
            file.write(text)


def remove_sandbox(node: NodeSetup, record: SandboxRecord, network: NetworkList | None) -> SandboxRecord:
    """Detach the network and let the namespaces go. Raises PluginError; may be repeated."""
    if record.netns and network is not None:
        node.cni.delete(network, _attachment(record))
    sandbox_apply.remove(f"{node.places.pod_run(record.pod_uid)}/ns")
    ended = msgspec.structs.replace(record, torn_down=True)
    disk.save_sandbox(node.places, ended)
    _remove_cgroups(node, record.pod_uid)
    return ended


def _remove_cgroups(node: NodeSetup, uid: str) -> None:
    """The folder that the containers' cgroups shared; the runtime removes only its own."""
    if not node.cgroup_root:
        return
    for top in ("/sys/fs/cgroup", *(f"/sys/fs/cgroup/{name}" for name in os.listdir("/sys/fs/cgroup"))):
        try:
            os.rmdir(f"{top}{node.cgroup_root}/pod{uid}")
        except OSError:
            continue


def make_volumes(node: NodeSetup, pod: Pod, sources: Sources, ips: tuple[str, ...]) -> None:
    """All volumes of the pod, also again when their content changed. Raises VolumeFailed, MissingSource."""
    security = pod.spec.security_context
    group = security.fs_group if security else None
    for volume in pod.spec.volumes:
        path = mounts.volume_path(node.places, pod.metadata.uid, volume)
        if is_generated(volume):
            volumes_apply.write_files(path, volume_files(volume, pod, sources, pod_facts(node, ips)), group)
        elif volume.host_path:
            volumes_apply.check_host_path(path, volume.host_path.type)
        else:
            _make_empty_dir(volume, path, group)


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
    )
    try:
        spec = oci_spec(
            launch(pod, container, order.image.config, _surroundings(node, order, rootfs, record))
        )
    except BaseException:
        runtime_apply.remove_bundle(bundle, layer)
        raise
    runtime_apply.write_bundle(bundle, spec)
    return _run(node, order, bundle, record)


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
        shm_dir=node.places.shm(uid),
        namespaces=mounts.namespaces(pod, pins),
        cgroup_path=f"{node.cgroup_root}/pod{uid}/{record.id}" if node.cgroup_root else "",
        node_memory_bytes=node.node_memory_bytes,
        available_capabilities=node.capabilities,
    )


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
    policy = next((c.termination_message_policy for c in _containers(pod) if c.name == record.name), "File")
    exit_ = disk.read_exit(node.places, uid, record, fallback_to_logs=policy != "File", now_s=time.time())
    ended = msgspec.structs.replace(record, exit=exit_)
    release_run(node, uid, ended)
    return ended


def _containers(pod: Pod | None) -> tuple[Container, ...]:
    return (*pod.spec.init_containers, *pod.spec.containers) if pod else ()


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


def remove_run(node: NodeSetup, uid: str, record: ContainerRecord) -> None:
    """Forget an ended run with its log."""
    shutil.rmtree(node.places.container(uid, record.name, record.attempt), ignore_errors=True)
    if os.path.exists(record.log_path):
        os.unlink(record.log_path)


def remove_pod(node: NodeSetup, uid: str) -> None:
    """Everything of a pod that does not run any more. Absent is fine."""
    sandbox_apply.remove(node.places.pod_run(uid))
    sandbox_apply.remove(node.places.pod_root(uid))
    disk.remove_pod(node.places, uid)
