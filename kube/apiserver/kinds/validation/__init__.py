"""Whether an object may be stored: validate_create and validate_update give what is wrong with it, [] when nothing.

RULES is the one table: the kind's key to its rules. All kinds share the rules of metadata. Objects come with
defaults filled in, from a body that the schema has checked.
"""

from collections.abc import Mapping
from typing import Any

from kube.apiserver.customresources.definition import rules as definitions
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.validation import (
    access,
    cluster,
    core,
    devices,
    drivers,
    endpoints,
    extension,
    flow,
    jobs,
    metadata,
    networking,
    pod_update,
    pods,
    services,
    storage,
    workloads,
)
from kube.apiserver.kinds.validation.rules import Rules
from kube.apiserver.status import FieldError

Object = dict[str, Any]

RULES: Mapping[str, Rules] = {
    "pods": Rules(pods.pod, pod_update.pod),
    "podtemplates": Rules(workloads.pod_template),
    "replicationcontrollers": Rules(workloads.replication_controller),
    "deployments.apps": Rules(workloads.deployment, workloads.same_selector),
    "replicasets.apps": Rules(workloads.replica_set, workloads.same_selector),
    "daemonsets.apps": Rules(workloads.daemon_set, workloads.same_selector),
    "statefulsets.apps": Rules(workloads.stateful_set, workloads.stateful_set_update),
    "jobs.batch": Rules(jobs.job, jobs.job_update),
    "cronjobs.batch": Rules(jobs.cron_job),
    "services": Rules(services.service, services.service_update),
    "endpoints": Rules(endpoints.endpoints),
    "endpointslices.discovery.k8s.io": Rules(endpoints.endpoint_slice, endpoints.endpoint_slice_update),
    "ingresses.networking.k8s.io": Rules(networking.ingress),
    "ingressclasses.networking.k8s.io": Rules(networking.ingress_class, networking.ingress_class_update),
    "networkpolicies.networking.k8s.io": Rules(networking.network_policy),
    "servicecidrs.networking.k8s.io": Rules(networking.service_cidr, networking.service_cidr_update),
    "ipaddresses.networking.k8s.io": Rules(networking.ip_address, networking.ip_address_update),
    "namespaces": Rules(),
    "nodes": Rules(core.node, core.node_update),
    "configmaps": Rules(core.config_map, core.config_map_update),
    "secrets": Rules(core.secret, core.secret_update),
    "events": Rules(core.event),
    "limitranges": Rules(core.limit_range),
    "resourcequotas": Rules(core.quota),
    "leases.coordination.k8s.io": Rules(cluster.lease),
    "priorityclasses.scheduling.k8s.io": Rules(cluster.priority_class, cluster.priority_class_update),
    "runtimeclasses.node.k8s.io": Rules(cluster.runtime_class, cluster.runtime_class_update),
    "poddisruptionbudgets.policy": Rules(cluster.disruption_budget),
    "horizontalpodautoscalers.autoscaling": Rules(cluster.autoscaler),
    "roles.rbac.authorization.k8s.io": Rules(access.role),
    "clusterroles.rbac.authorization.k8s.io": Rules(access.cluster_role),
    "rolebindings.rbac.authorization.k8s.io": Rules(access.role_binding, access.role_binding_update),
    "clusterrolebindings.rbac.authorization.k8s.io": Rules(access.role_binding, access.role_binding_update),
    "certificatesigningrequests.certificates.k8s.io": Rules(access.signing_request),
    "persistentvolumes": Rules(storage.volume, storage.volume_update),
    "persistentvolumeclaims": Rules(storage.claim, storage.claim_update),
    "storageclasses.storage.k8s.io": Rules(storage.storage_class, storage.storage_class_update),
    "volumeattributesclasses.storage.k8s.io": Rules(
        drivers.attributes_class, drivers.attributes_class_update
    ),
    "csidrivers.storage.k8s.io": Rules(drivers.driver, drivers.driver_update),
    "csinodes.storage.k8s.io": Rules(drivers.node, drivers.node_update),
    "csistoragecapacities.storage.k8s.io": Rules(drivers.capacity, drivers.capacity_update),
    "volumeattachments.storage.k8s.io": Rules(drivers.attachment, drivers.attachment_update),
    "controllerrevisions.apps": Rules(workloads.revision, workloads.revision_update),
    "validatingwebhookconfigurations.admissionregistration.k8s.io": Rules(extension.webhooks),
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": Rules(extension.webhooks),
    "validatingadmissionpolicies.admissionregistration.k8s.io": Rules(extension.validating_policy),
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": Rules(extension.policy_binding),
    "mutatingadmissionpolicies.admissionregistration.k8s.io": Rules(extension.mutating_policy),
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": Rules(extension.policy_binding),
    "apiservices.apiregistration.k8s.io": Rules(extension.api_service),
    "flowschemas.flowcontrol.apiserver.k8s.io": Rules(flow.flow_schema),
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": Rules(flow.priority_level),
    "resourceclaims.resource.k8s.io": Rules(devices.claim, devices.claim_update),
    "resourceclaimtemplates.resource.k8s.io": Rules(devices.claim_template, devices.claim_update),
    "deviceclasses.resource.k8s.io": Rules(devices.device_class),
    "resourceslices.resource.k8s.io": Rules(devices.slice_of_devices, devices.slice_update),
    "customresourcedefinitions.apiextensions.k8s.io": Rules(
        definitions.definition, definitions.definition_update, definitions.definition_status
    ),
}

_NONE = Rules()


def validate_create(kind: Kind, obj: Object) -> list[FieldError]:
    errors = metadata.on_create(kind, obj.get("metadata") or {})
    if kind.custom is not None:
        return errors + kind.custom.validate(obj, None)
    rules = RULES.get(kind.key, _NONE)
    if rules.create is not None:
        rules.create(obj, errors)
    return errors


def validate_update(kind: Kind, new: Object, old: Object, subresource: str = "") -> list[FieldError]:
    """`subresource` is "" for the object itself; of the others little more than the metadata is judged."""
    errors = metadata.on_update(kind, new.get("metadata") or {}, old.get("metadata") or {})
    if kind.custom is not None:
        return errors + kind.custom.validate(new, old)
    rules = RULES.get(kind.key, _NONE)
    if subresource == "status" and rules.status is not None:
        rules.status(new, errors)
    if subresource:
        return errors
    if rules.update is not None:
        rules.update(new, old, errors)
    if rules.create is not None and kind.key != "pods":
        rules.create(new, errors)
    return errors
