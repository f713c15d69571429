"""API objects as DNS reads them: a few fields, turned into records while they are decoded, the rest dropped.

A watch keeps one value per object. With these it keeps the very records that the zone answers from and nothing else:
at 50,000 endpoints the whole objects would be the greater part of the process.
"""

from __future__ import annotations

from sys import intern
from typing import ClassVar

from msgspec.structs import force_setattr

from dns.cluster.records import (
    NO_PORT,
    EndpointRecord,
    ServicePort,
    ServiceRecord,
    SliceRecord,
    canonical,
    slice_record,
)
from kube.objects import EndpointSlice, Object, Pod, Resource, Service
from kube.objects.value import Value

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
MULTICLUSTER_SERVICE_LABEL = "multicluster.kubernetes.io/service-name"
MULTICLUSTER_CLUSTER_LABEL = "multicluster.kubernetes.io/source-cluster"
# When the change that a slice shows began, written by the EndpointSlice controller.
TRIGGER_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time"
MAX_LABEL = 63


class _Part(Value, gc=False):
    pass


class Meta(_Part):
    """`labels` and `annotations` are dropped once they are read."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None


class _Port(_Part):
    name: str | None = None
    protocol: str = "TCP"
    port: int | None = None


class _ServiceSpec(_Part):
    type: str = "ClusterIP"
    ports: tuple[_Port, ...] | None = ()
    cluster_ip: str = ""
    cluster_ips: tuple[str, ...] | None = ()
    external_name: str = ""


class _View(Object, gc=False):
    metadata: Meta = Meta()  # type: ignore[assignment]  # a part of ObjectMeta

    def _forget(self) -> None:
        force_setattr(self.metadata, "labels", None)
        force_setattr(self.metadata, "annotations", None)
        force_setattr(self.metadata, "namespace", intern(self.metadata.namespace))


class ServiceView(_View):
    resource: ClassVar[Resource] = Service.resource
    spec: _ServiceSpec | None = None
    record: ServiceRecord | None = None

    def __post_init__(self) -> None:
        self._forget()
        force_setattr(self.metadata, "name", intern(self.metadata.name))  # slices name it too
        force_setattr(self, "record", _service(self.metadata, self.spec or _ServiceSpec()))
        force_setattr(self, "spec", None)


class _Conditions(_Part):
    ready: bool | None = None


class _Reference(_Part):
    kind: str = ""
    name: str = ""


class _Endpoint(_Part):
    addresses: tuple[str, ...] | None = ()
    conditions: _Conditions | None = None
    hostname: str | None = None
    zone: str | None = None
    target_ref: _Reference | None = None


class SliceView(_View):
    """`record` names endpoints by hostname or address, `by_pod` (when asked for) also by their pods."""

    resource: ClassVar[Resource] = EndpointSlice.resource
    pod_names: ClassVar[bool] = False
    address_type: str = ""
    endpoints: tuple[_Endpoint, ...] | None = ()
    ports: tuple[_Port, ...] | None = ()
    record: SliceRecord | None = None
    service: str = ""  # the Service it belongs to
    imported: str = ""  # the ServiceImport it belongs to
    triggered_at: str = ""  # RFC 3339; "" unless a controller wrote it

    def __post_init__(self) -> None:
        labels = self.metadata.labels or {}
        force_setattr(self, "service", intern(labels.get(SERVICE_NAME_LABEL, "")))
        force_setattr(self, "imported", intern(labels.get(MULTICLUSTER_SERVICE_LABEL, "")))
        annotations = self.metadata.annotations or {}
        force_setattr(self, "triggered_at", annotations.get(TRIGGER_TIME_ANNOTATION, ""))
        force_setattr(
            self, "record", _slice(self, labels.get(MULTICLUSTER_CLUSTER_LABEL, ""), self.pod_names)
        )
        self._forget()
        force_setattr(self, "address_type", "")
        force_setattr(self, "endpoints", ())
        force_setattr(self, "ports", ())


class NamedSliceView(SliceView):
    """For `endpoint_pod_names`: an endpoint without a hostname is called by its pod."""

    pod_names: ClassVar[bool] = True


class NamespaceView(_View):
    resource: ClassVar[Resource] = Resource("", "v1", "namespaces", "Namespace", namespaced=False)


class _PodStatus(_Part):
    phase: str = ""
    pod_ip: str = ""


class PodView(_View):
    resource: ClassVar[Resource] = Pod.resource
    status: _PodStatus | None = None
    ip: str = ""  # "" when the pod is over or has none

    def __post_init__(self) -> None:
        self._forget()
        status = self.status or _PodStatus()
        if status.phase not in {"Succeeded", "Failed", "Unknown"}:
            force_setattr(self, "ip", canonical(status.pod_ip))
        force_setattr(self, "status", None)


class _ImportPort(_Part):
    name: str = ""
    protocol: str = "TCP"
    port: int = 0


class _ImportSpec(_Part):
    type: str = "ClusterSetIP"
    ips: tuple[str, ...] | None = ()
    ports: tuple[_ImportPort, ...] | None = ()


class ImportView(_View):
    """A Service of the whole cluster set (multicluster.x-k8s.io/v1alpha1)."""

    resource: ClassVar[Resource] = Resource(
        "multicluster.x-k8s.io", "v1alpha1", "serviceimports", "ServiceImport"
    )
    spec: _ImportSpec | None = None
    record: ServiceRecord | None = None

    def __post_init__(self) -> None:
        self._forget()
        spec = self.spec or _ImportSpec()
        ports = tuple(_port(port.name, port.protocol, port.port) for port in spec.ports or ())
        meta = self.metadata
        headless = spec.type == "Headless"
        addresses = () if headless else tuple(canonical(ip) for ip in spec.ips or ())
        force_setattr(self, "record", ServiceRecord(meta.namespace, meta.name, addresses, ports, headless))
        force_setattr(self, "spec", None)


_ports: dict[tuple[ServicePort, ...], tuple[ServicePort, ...]] = {}


def _port(name: str | None, protocol: str, port: int | None) -> ServicePort:
    return ServicePort(intern(name or ""), intern(protocol.lower()), NO_PORT if port is None else port)


def _shared(ports: tuple[ServicePort, ...]) -> tuple[ServicePort, ...]:
    """The same object for the same ports: most Services have one of a few sets."""
    if len(_ports) > 10_000:
        _ports.clear()
    return _ports.setdefault(ports, ports)


def _service(meta: Meta, spec: _ServiceSpec) -> ServiceRecord:
    if spec.type == "ExternalName":
        return ServiceRecord(meta.namespace, meta.name, external_name=spec.external_name)
    ports = _shared(tuple(_port(port.name, port.protocol, port.port) for port in spec.ports or ()))
    addresses = spec.cluster_ips or ((spec.cluster_ip,) if spec.cluster_ip else ())
    if "None" in addresses:
        return ServiceRecord(meta.namespace, meta.name, ports=ports, headless=True)
    return ServiceRecord(meta.namespace, meta.name, tuple(canonical(ip) for ip in addresses), ports)


_NO_PORTS = (ServicePort("", "", NO_PORT),)


def _slice(view: SliceView, cluster: str, pod_names: bool) -> SliceRecord:
    """The ready endpoints: `ready` true or absent, nothing else counts (publishNotReadyAddresses sets it)."""
    found: list[EndpointRecord] = []
    not_ready_count = 0
    for endpoint in view.endpoints or ():
        if endpoint.conditions is not None and endpoint.conditions.ready is False:
            not_ready_count += 1
            continue
        name = (endpoint.hostname or "").lower()
        if not name and pod_names and endpoint.target_ref is not None:
            name = endpoint.target_ref.name if len(endpoint.target_ref.name) <= MAX_LABEL else ""
        zone = intern(endpoint.zone or "")
        found += [EndpointRecord(canonical(raw), name, zone) for raw in endpoint.addresses or ()]
    if view.address_type == "FQDN":
        found = []
    ports = tuple(_port(port.name, port.protocol, port.port) for port in view.ports or ()) or _NO_PORTS
    return slice_record(
        view.metadata.name, found, _shared(ports), not_ready_count=not_ready_count, cluster=cluster
    )
