"""What the network is made of: Service, Endpoints, EndpointSlice, ServiceCIDR, IPAddress, Ingress."""

from typing import ClassVar

from kube.objects.value import Condition, IntOrString, Object, ObjectReference, Resource, Value

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
MANAGED_BY_LABEL = "endpointslice.kubernetes.io/managed-by"
HEADLESS_LABEL = "service.kubernetes.io/headless"
PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
ZONE_LABEL = "topology.kubernetes.io/zone"
HOSTNAME_LABEL = "kubernetes.io/hostname"


class ServicePort(Value):
    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: IntOrString = 0
    node_port: int = 0
    app_protocol: str | None = None


class ClientIPConfig(Value):
    timeout_seconds: int = 10800


class SessionAffinityConfig(Value):
    client_ip: ClientIPConfig | None = None


class ServiceSpec(Value):
    type: str = "ClusterIP"
    selector: dict[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = ""
    cluster_ips: tuple[str, ...] = ()
    external_ips: tuple[str, ...] = ()
    external_name: str = ""
    ip_families: tuple[str, ...] = ()
    ip_family_policy: str = ""
    session_affinity: str = "None"
    session_affinity_config: SessionAffinityConfig | None = None
    load_balancer_ip: str = ""
    load_balancer_class: str | None = None
    load_balancer_source_ranges: tuple[str, ...] = ()
    allocate_load_balancer_node_ports: bool = True
    external_traffic_policy: str = ""
    internal_traffic_policy: str = ""
    health_check_node_port: int = 0
    publish_not_ready_addresses: bool = False
    traffic_distribution: str | None = None


class LoadBalancerIngress(Value):
    ip: str = ""
    hostname: str = ""
    ip_mode: str | None = None


class LoadBalancerStatus(Value):
    ingress: tuple[LoadBalancerIngress, ...] = ()


class ServiceStatus(Value):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()
    conditions: tuple[Condition, ...] = ()


class Service(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "services", "Service")
    spec: ServiceSpec = ServiceSpec()
    status: ServiceStatus = ServiceStatus()


class EndpointConditions(Value):
    """Absent means: ready and serving yes, terminating no (discovery/v1)."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class ForZone(Value):
    name: str


class EndpointHints(Value):
    for_zones: tuple[ForZone, ...] = ()
    for_nodes: tuple[ForZone, ...] = ()


class Endpoint(Value):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str = ""
    node_name: str | None = None
    zone: str | None = None
    target_ref: ObjectReference | None = None
    hints: EndpointHints | None = None
    deprecated_topology: dict[str, str] = {}


class EndpointPort(Value):
    """`name` None: the port is not for proxying; `port` None: all ports."""

    name: str | None = None
    protocol: str = "TCP"
    port: int | None = None
    app_protocol: str | None = None


class EndpointSlice(Object):
    resource: ClassVar[Resource] = Resource("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice")
    address_type: str = ""  # IPv4, IPv6, FQDN
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class EndpointAddress(Value):
    ip: str
    hostname: str = ""
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointSubsetPort(Value):
    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str | None = None


class EndpointSubset(Value):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointSubsetPort, ...] = ()


class Endpoints(Object):
    resource: ClassVar[Resource] = Resource("", "v1", "endpoints", "Endpoints")
    subsets: tuple[EndpointSubset, ...] = ()


class ServiceCIDRSpec(Value):
    cidrs: tuple[str, ...] = ()


class ServiceCIDRStatus(Value):
    conditions: tuple[Condition, ...] = ()


class ServiceCIDR(Object):
    resource: ClassVar[Resource] = Resource(
        "networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", namespaced=False
    )
    spec: ServiceCIDRSpec = ServiceCIDRSpec()
    status: ServiceCIDRStatus = ServiceCIDRStatus()


class ParentReference(Value):
    resource_: str = ""
    name: str = ""
    group: str = ""
    namespace: str = ""


class IPAddressSpec(Value):
    parent_ref: ParentReference | None = None


class IPAddress(Object):
    resource: ClassVar[Resource] = Resource(
        "networking.k8s.io", "v1", "ipaddresses", "IPAddress", namespaced=False
    )
    spec: IPAddressSpec = IPAddressSpec()


class ServiceBackendPort(Value):
    name: str = ""
    number: int = 0


class IngressServiceBackend(Value):
    name: str
    port: ServiceBackendPort = ServiceBackendPort()


class IngressBackend(Value):
    service: IngressServiceBackend | None = None


class HTTPIngressPath(Value):
    path_type: str
    backend: IngressBackend
    path: str = ""


class HTTPIngressRule(Value):
    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(Value):
    host: str = ""
    http: HTTPIngressRule | None = None


class IngressTLS(Value):
    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Value):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class IngressStatus(Value):
    load_balancer: LoadBalancerStatus = LoadBalancerStatus()


class Ingress(Object):
    resource: ClassVar[Resource] = Resource("networking.k8s.io", "v1", "ingresses", "Ingress")
    spec: IngressSpec = IngressSpec()
    status: IngressStatus = IngressStatus()
