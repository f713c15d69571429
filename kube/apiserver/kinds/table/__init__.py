"""metav1.Table: what kubectl prints, for every kind.

ROWS is the one table: the kind's key to the function of its cells, in the order of data/columns.json.gz.
`now` is unix time in seconds, for ages.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from kube.apiserver.kinds import disk
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.table import access, cluster, core, extension, network, pods, storage, workloads

Object = dict[str, Any]
Cells = list[Any]

ROWS: Mapping[str, Callable[[Object, float], Cells]] = {
    "pods": pods.pod,
    "namespaces": core.namespace,
    "nodes": core.node,
    "configmaps": core.config_map,
    "secrets": core.secret,
    "serviceaccounts": core.service_account,
    "events": core.event,
    "componentstatuses": core.component_status,
    "limitranges": core.created,
    "resourcequotas": core.quota,
    "podtemplates": workloads.pod_template,
    "services": network.service,
    "endpoints": network.endpoints,
    "endpointslices.discovery.k8s.io": network.endpoint_slice,
    "servicecidrs.networking.k8s.io": network.service_cidr,
    "ipaddresses.networking.k8s.io": network.ip_address,
    "ingresses.networking.k8s.io": network.ingress,
    "ingressclasses.networking.k8s.io": network.ingress_class,
    "networkpolicies.networking.k8s.io": network.network_policy,
    "deployments.apps": workloads.deployment,
    "replicasets.apps": workloads.replica_set,
    "replicationcontrollers": workloads.replica_set,
    "statefulsets.apps": workloads.stateful_set,
    "daemonsets.apps": workloads.daemon_set,
    "controllerrevisions.apps": workloads.controller_revision,
    "jobs.batch": workloads.job,
    "cronjobs.batch": workloads.cron_job,
    "horizontalpodautoscalers.autoscaling": workloads.autoscaler,
    "poddisruptionbudgets.policy": workloads.disruption_budget,
    "persistentvolumes": storage.volume,
    "persistentvolumeclaims": storage.claim,
    "storageclasses.storage.k8s.io": storage.storage_class,
    "csidrivers.storage.k8s.io": storage.driver,
    "csinodes.storage.k8s.io": storage.csi_node,
    "csistoragecapacities.storage.k8s.io": core.created,
    "volumeattachments.storage.k8s.io": storage.attachment,
    "volumeattributesclasses.storage.k8s.io": storage.attributes_class,
    "roles.rbac.authorization.k8s.io": core.created,
    "clusterroles.rbac.authorization.k8s.io": core.created,
    "rolebindings.rbac.authorization.k8s.io": access.role_binding,
    "clusterrolebindings.rbac.authorization.k8s.io": access.role_binding,
    "certificatesigningrequests.certificates.k8s.io": access.signing_request,
    "leases.coordination.k8s.io": cluster.lease,
    "priorityclasses.scheduling.k8s.io": cluster.priority_class,
    "runtimeclasses.node.k8s.io": cluster.runtime_class,
    "apiservices.apiregistration.k8s.io": cluster.api_service,
    "flowschemas.flowcontrol.apiserver.k8s.io": cluster.flow_schema,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": cluster.priority_level,
    "deviceclasses.resource.k8s.io": core.name_and_age,
    "resourceclaims.resource.k8s.io": cluster.resource_claim,
    "resourceclaimtemplates.resource.k8s.io": core.name_and_age,
    "resourceslices.resource.k8s.io": cluster.resource_slice,
    "customresourcedefinitions.apiextensions.k8s.io": core.created,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": extension.mutating_policy,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": extension.policy_binding,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": extension.webhooks,
    "validatingadmissionpolicies.admissionregistration.k8s.io": extension.validating_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": extension.policy_binding,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": extension.webhooks,
}

_NAME = ("Name", "string", "name", 0)
_DEFAULT_COLUMNS = (_NAME, ("Age", "string", "", 0))


@cache
def _column_rows() -> dict[str, list[tuple[str, str, str, int]]]:
    rows: dict[str, list[tuple[str, str, str, int]]] = disk.load("columns")
    return rows


def columns(kind: Kind) -> list[Object]:
    """The columnDefinitions; priority 1 is for `-o wide`."""
    if kind.custom is not None:
        return kind.custom.column_definitions
    rows = _column_rows().get(f"{kind.group}/{kind.version}/{kind.plural}", _DEFAULT_COLUMNS)
    return [
        {"name": name, "type": value_type, "format": form, "description": "", "priority": priority}
        for name, value_type, form, priority in rows
    ]


def row(kind: Kind, obj: Object, now: float) -> Cells:
    """The cells of one object, in its stored version."""
    if kind.custom is not None:
        return kind.custom.cells(obj, now)
    return ROWS.get(kind.storage_key, core.name_and_age)(obj, now)


def table(
    kind: Kind,
    objects: Iterable[Object],
    now: float,
    *,
    metadata: Mapping[str, Any] | None = None,
    include: str = "Metadata",
) -> Object:
    """The whole Table; `include` is includeObject: None, Metadata or Object."""
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": dict(metadata or {}),
        "columnDefinitions": columns(kind),
        "rows": [{"cells": row(kind, obj, now), "object": _included(obj, include)} for obj in objects],
    }


def _included(obj: Object, include: str) -> Object | None:
    if include == "None":
        return None
    if include == "Object":
        return obj
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj.get("metadata") or {},
    }
