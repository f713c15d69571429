"""API objects that a lab starts with: the DNS service, the classes of Ingresses and of volumes. Pure."""

from kube.controllers.volumes.plan import DEFAULT_CLASS, PROVISIONER
from kube.ingress.kinds import CONTROLLER, DEFAULT_CLASS_ANNOTATION, IngressClass, IngressClassSpec
from kube.objects import (
    SERVICE_NAME_LABEL,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Object,
    ObjectMeta,
    Service,
    ServicePort,
    ServiceSpec,
    StorageClass,
)
from netns_fixtures.topology import Lab

_NAMESPACE = "kube-system"
_NAME = "kube-dns"
_PORTS = (("dns", "UDP", 53), ("dns-tcp", "TCP", 53), ("metrics", "TCP", 9153))
_INGRESS_CLASS = IngressClass(
    metadata=ObjectMeta(name="podnet", annotations={DEFAULT_CLASS_ANNOTATION: "true"}),
    spec=IngressClassSpec(controller=CONTROLLER),
)
_STORAGE_CLASS = StorageClass(
    metadata=ObjectMeta(name="standard", annotations={DEFAULT_CLASS: "true"}),
    provisioner=PROVISIONER,
    volume_binding_mode="WaitForFirstConsumer",
)


def addons(lab: Lab) -> tuple[Object, ...]:
    """In the order in which they are created."""
    families = tuple("IPv6" if ":" in address else "IPv4" for address in lab.dns_addresses)
    service = Service(
        metadata=ObjectMeta(
            name=_NAME,
            namespace=_NAMESPACE,
            labels={
                "k8s-app": _NAME,
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
        ),
        spec=ServiceSpec(
            cluster_ip=lab.dns_addresses[0],
            cluster_ips=lab.dns_addresses,
            ip_families=families,
            ip_family_policy="RequireDualStack" if len(families) == 2 else "SingleStack",
            ports=tuple(
                ServicePort(name=name, protocol=protocol, port=port, target_port=port)
                for name, protocol, port in _PORTS
            ),
        ),
    )
    slices = tuple(
        _slice(family, address) for family, address in zip(families, lab.hub.addresses, strict=True)
    )
    return (service, *slices, _INGRESS_CLASS, _STORAGE_CLASS)


def _slice(family: str, address: str) -> EndpointSlice:
    return EndpointSlice(
        metadata=ObjectMeta(
            name=f"{_NAME}-{family.lower()}",
            namespace=_NAMESPACE,
            labels={SERVICE_NAME_LABEL: _NAME, "k8s-app": _NAME},
        ),
        address_type=family,
        endpoints=(Endpoint(addresses=(address,)),),
        ports=tuple(EndpointPort(name=name, protocol=protocol, port=port) for name, protocol, port in _PORTS),
    )
