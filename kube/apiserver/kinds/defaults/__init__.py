"""Values that the server fills in where the client left them out: apply(kind, obj).

DEFAULTS is the one table: the kind's key to the function that fills in its objects, in place.
"""

from collections.abc import Callable, Mapping
from typing import Any

from kube.apiserver.kinds.defaults import (
    autoscaling,
    core,
    extension,
    networking,
    pods,
    services,
    storage,
    workloads,
)
from kube.apiserver.kinds.kind import Kind

Object = dict[str, Any]

DEFAULTS: Mapping[str, Callable[[Object], None]] = {
    "pods": pods.default_pod,
    "podtemplates": core.default_pod_template,
    "replicationcontrollers": workloads.default_replication_controller,
    "services": services.default_service,
    "endpoints": services.default_endpoints,
    "endpointslices.discovery.k8s.io": services.default_endpoint_slice,
    "namespaces": core.default_namespace,
    "nodes": core.default_node,
    "secrets": core.default_secret,
    "limitranges": core.default_limit_range,
    "persistentvolumes": storage.default_volume,
    "persistentvolumeclaims": storage.default_claim,
    "storageclasses.storage.k8s.io": storage.default_class,
    "csidrivers.storage.k8s.io": storage.default_driver,
    "deployments.apps": workloads.default_deployment,
    "replicasets.apps": workloads.default_replica_set,
    "daemonsets.apps": workloads.default_daemon_set,
    "statefulsets.apps": workloads.default_stateful_set,
    "jobs.batch": workloads.default_job,
    "cronjobs.batch": workloads.default_cron_job,
    "horizontalpodautoscalers.autoscaling": autoscaling.default_autoscaler,
    "ingresses.networking.k8s.io": networking.default_ingress,
    "ingressclasses.networking.k8s.io": networking.default_ingress_class,
    "networkpolicies.networking.k8s.io": networking.default_policy,
    "priorityclasses.scheduling.k8s.io": core.default_priority_class,
    "clusterrolebindings.rbac.authorization.k8s.io": core.default_role_binding,
    "rolebindings.rbac.authorization.k8s.io": core.default_role_binding,
    "apiservices.apiregistration.k8s.io": core.default_api_service,
    "customresourcedefinitions.apiextensions.k8s.io": core.default_custom_resource_definition,
    "validatingwebhookconfigurations.admissionregistration.k8s.io": core.default_webhooks,
    "mutatingwebhookconfigurations.admissionregistration.k8s.io": core.default_webhooks,
    "validatingadmissionpolicies.admissionregistration.k8s.io": extension.default_policy,
    "validatingadmissionpolicybindings.admissionregistration.k8s.io": extension.default_policy_binding,
    "mutatingadmissionpolicies.admissionregistration.k8s.io": extension.default_policy,
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io": extension.default_policy_binding,
    "flowschemas.flowcontrol.apiserver.k8s.io": extension.default_flow_schema,
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": extension.default_priority_level,
    "resourceclaims.resource.k8s.io": extension.default_claim,
    "resourceclaimtemplates.resource.k8s.io": extension.default_claim_template,
}


def apply(kind: Kind, obj: Object) -> None:
    """Fills in defaults in place; a second time changes nothing."""
    if kind.custom is not None:
        kind.custom.default(obj)
        return
    default = DEFAULTS.get(kind.key)
    if default is not None:
        default(obj)
