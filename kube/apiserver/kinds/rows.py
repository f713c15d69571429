"""KINDS: every built-in kind, one row each. To add a kind, add a row here; README.md says what else there is."""

from kube.apiserver.kinds.kind import CREATE_ONLY, CRUD_EACH, EDIT, READ, SCALE, STATUS, Kind, Subresource

PROXY = ("create", "delete", "get", "patch", "update")

# Groups come in the order of their priority: discovery lists them so, and kubectl takes the first match.
# fmt: off
KINDS: tuple[Kind, ...] = (
    # v1
    Kind("", "v1", "bindings", "Binding", "io.k8s.api.core.v1.Binding", verbs=CREATE_ONLY),
    Kind("", "v1", "componentstatuses", "ComponentStatus", "io.k8s.api.core.v1.ComponentStatus", namespaced=False, short_names=("cs",), verbs=READ),
    Kind("", "v1", "configmaps", "ConfigMap", "io.k8s.api.core.v1.ConfigMap", short_names=("cm",)),
    Kind("", "v1", "endpoints", "Endpoints", "io.k8s.api.core.v1.Endpoints", short_names=("ep",), create_on_update=True),
    Kind("", "v1", "events", "Event", "io.k8s.api.core.v1.Event", short_names=("ev",), create_on_update=True),
    Kind("", "v1", "limitranges", "LimitRange", "io.k8s.api.core.v1.LimitRange", short_names=("limits",), create_on_update=True),
    Kind("", "v1", "namespaces", "Namespace", "io.k8s.api.core.v1.Namespace", namespaced=False, short_names=("ns",), verbs=CRUD_EACH, subresource_rows=(Subresource("finalize", ("update",)), STATUS), name_rule="label"),
    Kind("", "v1", "nodes", "Node", "io.k8s.api.core.v1.Node", namespaced=False, short_names=("no",), subresource_rows=(Subresource("proxy", PROXY, "NodeProxyOptions"), STATUS)),
    Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", "io.k8s.api.core.v1.PersistentVolumeClaim", short_names=("pvc",), subresource_rows=(STATUS,)),
    Kind("", "v1", "persistentvolumes", "PersistentVolume", "io.k8s.api.core.v1.PersistentVolume", namespaced=False, short_names=("pv",), subresource_rows=(STATUS,)),
    Kind("", "v1", "pods", "Pod", "io.k8s.api.core.v1.Pod", short_names=("po",), categories=("all",), subresource_rows=(Subresource("attach", ("create", "get"), "PodAttachOptions"), Subresource("binding", CREATE_ONLY, "Binding"), Subresource("ephemeralcontainers", EDIT), Subresource("eviction", CREATE_ONLY, "Eviction", "policy", "v1"), Subresource("exec", ("create", "get"), "PodExecOptions"), Subresource("log", ("get",)), Subresource("portforward", ("create", "get"), "PodPortForwardOptions"), Subresource("proxy", PROXY, "PodProxyOptions"), Subresource("resize", EDIT), STATUS), has_generation=True),
    Kind("", "v1", "podtemplates", "PodTemplate", "io.k8s.api.core.v1.PodTemplate", has_generation=True),
    Kind("", "v1", "replicationcontrollers", "ReplicationController", "io.k8s.api.core.v1.ReplicationController", short_names=("rc",), categories=("all",), subresource_rows=(SCALE, STATUS), has_generation=True),
    Kind("", "v1", "resourcequotas", "ResourceQuota", "io.k8s.api.core.v1.ResourceQuota", short_names=("quota",), subresource_rows=(STATUS,)),
    Kind("", "v1", "secrets", "Secret", "io.k8s.api.core.v1.Secret"),
    Kind("", "v1", "serviceaccounts", "ServiceAccount", "io.k8s.api.core.v1.ServiceAccount", short_names=("sa",), subresource_rows=(Subresource("token", CREATE_ONLY, "TokenRequest", "authentication.k8s.io", "v1"),)),
    Kind("", "v1", "services", "Service", "io.k8s.api.core.v1.Service", short_names=("svc",), categories=("all",), subresource_rows=(Subresource("proxy", PROXY, "ServiceProxyOptions"), STATUS), name_rule="label", create_on_update=True),
    # apiregistration.k8s.io/v1
    Kind("apiregistration.k8s.io", "v1", "apiservices", "APIService", "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService", namespaced=False, categories=("api-extensions",), subresource_rows=(STATUS,), name_rule="path", unconditional_update=False),
    # apps/v1
    Kind("apps", "v1", "controllerrevisions", "ControllerRevision", "io.k8s.api.apps.v1.ControllerRevision"),
    Kind("apps", "v1", "daemonsets", "DaemonSet", "io.k8s.api.apps.v1.DaemonSet", short_names=("ds",), categories=("all",), subresource_rows=(STATUS,), has_generation=True),
    Kind("apps", "v1", "deployments", "Deployment", "io.k8s.api.apps.v1.Deployment", short_names=("deploy",), categories=("all",), subresource_rows=(SCALE, STATUS), has_generation=True),
    Kind("apps", "v1", "replicasets", "ReplicaSet", "io.k8s.api.apps.v1.ReplicaSet", short_names=("rs",), categories=("all",), subresource_rows=(SCALE, STATUS), has_generation=True),
    Kind("apps", "v1", "statefulsets", "StatefulSet", "io.k8s.api.apps.v1.StatefulSet", short_names=("sts",), categories=("all",), subresource_rows=(SCALE, STATUS), has_generation=True),
    # events.k8s.io/v1
    Kind("events.k8s.io", "v1", "events", "Event", "io.k8s.api.events.v1.Event", short_names=("ev",), create_on_update=True, stored_as="events"),
    # authentication.k8s.io/v1
    Kind("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", "io.k8s.api.authentication.v1.SelfSubjectReview", namespaced=False, verbs=CREATE_ONLY),
    Kind("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", "io.k8s.api.authentication.v1.TokenReview", namespaced=False, verbs=CREATE_ONLY),
    # authorization.k8s.io/v1
    Kind("authorization.k8s.io", "v1", "localsubjectaccessreviews", "LocalSubjectAccessReview", "io.k8s.api.authorization.v1.LocalSubjectAccessReview", verbs=CREATE_ONLY),
    Kind("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", "io.k8s.api.authorization.v1.SelfSubjectAccessReview", namespaced=False, verbs=CREATE_ONLY),
    Kind("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", "io.k8s.api.authorization.v1.SelfSubjectRulesReview", namespaced=False, verbs=CREATE_ONLY),
    Kind("authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", "io.k8s.api.authorization.v1.SubjectAccessReview", namespaced=False, verbs=CREATE_ONLY),
    # autoscaling/v2
    Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler", short_names=("hpa",), categories=("all",), subresource_rows=(STATUS,)),
    # autoscaling/v1
    Kind("autoscaling", "v1", "horizontalpodautoscalers", "HorizontalPodAutoscaler", "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler", short_names=("hpa",), categories=("all",), subresource_rows=(STATUS,), stored_as="horizontalpodautoscalers.autoscaling"),
    # batch/v1
    Kind("batch", "v1", "cronjobs", "CronJob", "io.k8s.api.batch.v1.CronJob", short_names=("cj",), categories=("all",), subresource_rows=(STATUS,), has_generation=True),
    Kind("batch", "v1", "jobs", "Job", "io.k8s.api.batch.v1.Job", categories=("all",), subresource_rows=(STATUS,), has_generation=True),
    # certificates.k8s.io/v1
    Kind("certificates.k8s.io", "v1", "certificatesigningrequests", "CertificateSigningRequest", "io.k8s.api.certificates.v1.CertificateSigningRequest", namespaced=False, short_names=("csr",), subresource_rows=(Subresource("approval", EDIT), STATUS)),
    # networking.k8s.io/v1
    Kind("networking.k8s.io", "v1", "ingressclasses", "IngressClass", "io.k8s.api.networking.v1.IngressClass", namespaced=False, has_generation=True),
    Kind("networking.k8s.io", "v1", "ingresses", "Ingress", "io.k8s.api.networking.v1.Ingress", short_names=("ing",), subresource_rows=(STATUS,), has_generation=True),
    Kind("networking.k8s.io", "v1", "ipaddresses", "IPAddress", "io.k8s.api.networking.v1.IPAddress", namespaced=False, short_names=("ip",), name_rule="ip"),
    Kind("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", "io.k8s.api.networking.v1.NetworkPolicy", short_names=("netpol",), has_generation=True),
    Kind("networking.k8s.io", "v1", "servicecidrs", "ServiceCIDR", "io.k8s.api.networking.v1.ServiceCIDR", namespaced=False, subresource_rows=(STATUS,)),
    # policy/v1
    Kind("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget", "io.k8s.api.policy.v1.PodDisruptionBudget", short_names=("pdb",), subresource_rows=(STATUS,), has_generation=True, unconditional_update=False),
    # rbac.authorization.k8s.io/v1
    Kind("rbac.authorization.k8s.io", "v1", "clusterrolebindings", "ClusterRoleBinding", "io.k8s.api.rbac.v1.ClusterRoleBinding", namespaced=False, name_rule="path", create_on_update=True),
    Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", "io.k8s.api.rbac.v1.ClusterRole", namespaced=False, name_rule="path", create_on_update=True),
    Kind("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding", "io.k8s.api.rbac.v1.RoleBinding", name_rule="path", create_on_update=True),
    Kind("rbac.authorization.k8s.io", "v1", "roles", "Role", "io.k8s.api.rbac.v1.Role", name_rule="path", create_on_update=True),
    # storage.k8s.io/v1
    Kind("storage.k8s.io", "v1", "csidrivers", "CSIDriver", "io.k8s.api.storage.v1.CSIDriver", namespaced=False, unconditional_update=False),
    Kind("storage.k8s.io", "v1", "csinodes", "CSINode", "io.k8s.api.storage.v1.CSINode", namespaced=False, unconditional_update=False),
    Kind("storage.k8s.io", "v1", "csistoragecapacities", "CSIStorageCapacity", "io.k8s.api.storage.v1.CSIStorageCapacity", unconditional_update=False),
    Kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", "io.k8s.api.storage.v1.StorageClass", namespaced=False, short_names=("sc",)),
    Kind("storage.k8s.io", "v1", "volumeattachments", "VolumeAttachment", "io.k8s.api.storage.v1.VolumeAttachment", namespaced=False, subresource_rows=(STATUS,), unconditional_update=False),
    Kind("storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClass", "io.k8s.api.storage.v1.VolumeAttributesClass", namespaced=False, short_names=("vac",)),
    # admissionregistration.k8s.io/v1
    Kind("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicies", "MutatingAdmissionPolicy", "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy", namespaced=False, categories=("api-extensions",), has_generation=True, unconditional_update=False),
    Kind("admissionregistration.k8s.io", "v1", "mutatingadmissionpolicybindings", "MutatingAdmissionPolicyBinding", "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicyBinding", namespaced=False, categories=("api-extensions",), has_generation=True, unconditional_update=False),
    Kind("admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration", namespaced=False, categories=("api-extensions",), has_generation=True, unconditional_update=False),
    Kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", "ValidatingAdmissionPolicy", "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicy", namespaced=False, categories=("api-extensions",), subresource_rows=(STATUS,), has_generation=True, unconditional_update=False),
    Kind("admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", "io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicyBinding", namespaced=False, categories=("api-extensions",), has_generation=True, unconditional_update=False),
    Kind("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration", namespaced=False, categories=("api-extensions",), has_generation=True, unconditional_update=False),
    # apiextensions.k8s.io/v1
    Kind("apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition", namespaced=False, short_names=("crd", "crds"), categories=("api-extensions",), subresource_rows=(STATUS,), has_generation=True, unconditional_update=False),
    # scheduling.k8s.io/v1
    Kind("scheduling.k8s.io", "v1", "priorityclasses", "PriorityClass", "io.k8s.api.scheduling.v1.PriorityClass", namespaced=False, short_names=("pc",), has_generation=True),
    # coordination.k8s.io/v1
    Kind("coordination.k8s.io", "v1", "leases", "Lease", "io.k8s.api.coordination.v1.Lease", unconditional_update=False, create_on_update=True),
    # node.k8s.io/v1
    Kind("node.k8s.io", "v1", "runtimeclasses", "RuntimeClass", "io.k8s.api.node.v1.RuntimeClass", namespaced=False, unconditional_update=False),
    # discovery.k8s.io/v1
    Kind("discovery.k8s.io", "v1", "endpointslices", "EndpointSlice", "io.k8s.api.discovery.v1.EndpointSlice", has_generation=True),
    # resource.k8s.io/v1
    Kind("resource.k8s.io", "v1", "deviceclasses", "DeviceClass", "io.k8s.api.resource.v1.DeviceClass", namespaced=False, has_generation=True),
    Kind("resource.k8s.io", "v1", "resourceclaims", "ResourceClaim", "io.k8s.api.resource.v1.ResourceClaim", subresource_rows=(STATUS,)),
    Kind("resource.k8s.io", "v1", "resourceclaimtemplates", "ResourceClaimTemplate", "io.k8s.api.resource.v1.ResourceClaimTemplate"),
    Kind("resource.k8s.io", "v1", "resourceslices", "ResourceSlice", "io.k8s.api.resource.v1.ResourceSlice", namespaced=False, has_generation=True),
    # flowcontrol.apiserver.k8s.io/v1
    Kind("flowcontrol.apiserver.k8s.io", "v1", "flowschemas", "FlowSchema", "io.k8s.api.flowcontrol.v1.FlowSchema", namespaced=False, subresource_rows=(STATUS,), has_generation=True),
    Kind("flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", "PriorityLevelConfiguration", "io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration", namespaced=False, subresource_rows=(STATUS,), has_generation=True),
)
# fmt: on
