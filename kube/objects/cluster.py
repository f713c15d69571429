"""core/v1 kinds that are about the cluster, not about one pod: Node, Namespace, ConfigMap, Secret, Event, …"""

from typing import ClassVar

from kube.objects.value import (
    Condition,
    LocalObjectReference,
    Object,
    ObjectReference,
    Resource,
    ResourceList,
    Value,
)


class NamespaceSpec(Value):
    finalizers: tuple[str, ...] = ()


class NamespaceStatus(Value):
    phase: str = "Active"
    conditions: tuple[Condition, ...] = ()


class Namespace(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
    spec: NamespaceSpec = NamespaceSpec()
    status: NamespaceStatus = NamespaceStatus()


class Taint(Value):
    key: str
    effect: str
    value: str = ""
    time_added: str | None = None


class NodeSpec(Value):
    pod_cidr: str = ""
    pod_cidrs: tuple[str, ...] = ()
    provider_id: str = ""
    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeAddress(Value):
    type: str  # InternalIP, ExternalIP, Hostname
    address: str


class ContainerImage(Value):
    names: tuple[str, ...] = ()
    size_bytes: int = 0


class NodeStatus(Value):
    capacity: ResourceList = {}
    allocatable: ResourceList = {}
    conditions: tuple[Condition, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    images: tuple[ContainerImage, ...] = ()
    node_info: dict[str, object] = {}
    daemon_endpoints: dict[str, object] = {}


class Node(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "nodes", "Node", namespaced=False)
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class ConfigMap(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "configmaps", "ConfigMap")
    data: dict[str, str] = {}
    binary_data: dict[str, str] = {}  # base64
    immutable: bool = False


class Secret(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "secrets", "Secret")
    data: dict[str, str] = {}  # base64
    type: str = "Opaque"
    immutable: bool = False


class ServiceAccount(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "serviceaccounts", "ServiceAccount")
    secrets: tuple[ObjectReference, ...] = ()
    image_pull_secrets: tuple[LocalObjectReference, ...] = ()
    automount_service_account_token: bool | None = None


class EventSource(Value):
    component: str = ""
    host: str = ""


class EventSeries(Value):
    count: int = 0
    last_observed_time: str | None = None


class Event(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "events", "Event")
    involved_object: ObjectReference = ObjectReference()
    reason: str = ""
    message: str = ""
    source: EventSource = EventSource()
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None
    count: int = 0
    type: str = ""  # Normal, Warning
    action: str = ""
    series: EventSeries | None = None
    reporting_component: str = ""
    reporting_instance: str = ""


class LeaseSpec(Value):
    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int = 0


class Lease(Object):
    resource: ClassVar[Resource] = Resource("coordination.k8s.io", "v1", "leases", "Lease")
    spec: LeaseSpec = LeaseSpec()


class RuntimeClass(Object):
    resource: ClassVar[Resource] = Resource(
        "node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", namespaced=False
    )
    handler: str = ""


class PriorityClass(Object):
    resource: ClassVar[Resource] = Resource(
        "scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", namespaced=False
    )
    value: int = 0
    global_default: bool = False
    preemption_policy: str = "PreemptLowerPriority"
    description: str = ""
