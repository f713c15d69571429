"""Making and removing a pod's sandbox: namespaces, network, the files of /etc. Blocks; runs in a thread of its own."""

import os
import time
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from kube.objects import Pod
from nodeagent.cgroups import apply as cgroups_apply
from nodeagent.cni.conflist import NetworkList
from nodeagent.cni.invocation import Attachment, addresses, pod_attachment
from nodeagent.images.manifest import Image
from nodeagent.pods import disk, mounts
from nodeagent.pods.fields import fqdn, hostname
from nodeagent.pods.hosts import host_network_hosts, pod_hosts
from nodeagent.pods.network_mode import Alone, Attached, Joined, NetworkMode
from nodeagent.pods.resolv import pod_resolv
from nodeagent.pods.resources import pod_limits
from nodeagent.pods.setup import NodeSetup
from nodeagent.pods.times import rfc3339
from nodeagent.runtime.records import SandboxRecord
from nodeagent.sandbox import apply as sandbox_apply
from nodeagent.sandbox.pause_apply import start_pause, stop_pause

_WITHOUT_CNI = {Alone: "none", Joined: "pod"}


class Access(NamedTuple):
    """How the pod gets its network: by `cni`, or from the pod of `other`."""

    mode: NetworkMode
    cni: NetworkList | None
    other: SandboxRecord | None = None


def create_sandbox(
    node: NodeSetup, pod: Pod, attempt: int, access: Access, pause: Image | None
) -> SandboxRecord:
    """Namespaces, network, /etc files. `pause` is the image of the process that a shared PID namespace needs.

    Raises PluginError, RuntimeFailed, OSError; nothing stays behind then but pins to remove.
    """
    uid, spec = pod.metadata.uid, pod.spec
    pins = {kind: node.places.namespace(uid, kind) for kind in mounts.own_namespaces(pod)}
    # Of the attempt before, and of this one where an agent died in it.
    _release_namespaces(node, uid, f"{uid}-{attempt - 1}", f"{uid}-{attempt}")
    sysctls = {s.name: s.value for s in spec.security_context.sysctls} if spec.security_context else {}
    name = fqdn(pod, node.cluster_domain) if spec.set_hostname_as_fqdn else ""
    sandbox_apply.create_namespaces(
        pins,
        hostname=name or hostname(pod),
        sysctls=sysctls,
        shared_net=access.other.netns if access.other else "",
    )
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
        network=_WITHOUT_CNI.get(type(access.mode), ""),
        ips=node.node_ips if spec.host_network else access.other.ips if access.other else (),
        port_mappings=_port_mappings(pod) if isinstance(access.mode, Attached) else (),
        made=False,
    )
    if node.cgroup_root:
        cgroups_apply.make(mounts.pod_cgroup(node.cgroup_root, uid), pod_limits(pod, node.pids_max))
    # Before the network is attached: whatever happens now, a later start of the agent finds what to undo.
    disk.save_sandbox(node.places, record)
    if isinstance(access.mode, Attached):
        assert access.cni is not None
        result = node.cni.add(access.cni, _attachment(record))
        record = msgspec.structs.replace(record, ips=addresses(result, record.netns))
    if pause is not None:
        record = msgspec.structs.replace(record, shared_pid=_start_pause(node, record, pause, pins))
    _write_etc(node, pod, record)
    record = msgspec.structs.replace(record, made=True)
    disk.save_sandbox(node.places, record)
    return record


def _start_pause(node: NodeSetup, record: SandboxRecord, image: Image, pins: Mapping[str, str]) -> str:
    cgroup = mounts.container_cgroup(node.cgroup_root, record.pod_uid, f"{record.id}-pause")
    folder = node.places.pause(record.pod_uid)
    return start_pause(
        node.runtime, folder, f"{record.id}-pause", image, mounts.pinned_namespaces(pins), cgroup
    )


def _release_namespaces(node: NodeSetup, uid: str, *sandbox_ids: str) -> None:
    stop_pause(node.runtime, node.places.pause(uid), [f"{each}-pause" for each in sandbox_ids])
    sandbox_apply.remove(f"{node.places.pod_run(uid)}/ns")


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
    if record.netns and not record.network and network is not None:
        node.cni.delete(network, _attachment(record))
    _release_namespaces(node, record.pod_uid, record.id)
    ended = msgspec.structs.replace(record, torn_down=True)
    disk.save_sandbox(node.places, ended)
    if node.cgroup_root:
        cgroups_apply.remove(mounts.pod_cgroup(node.cgroup_root, record.pod_uid))
    return ended
