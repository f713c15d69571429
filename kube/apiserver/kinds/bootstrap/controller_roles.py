"""What each controller of kube-controller-manager may do when it has a ServiceAccount of its own.

Needed by a kube-controller-manager run with --use-service-account-credentials; notation as in roles.py.
"""

from collections.abc import Mapping

from kube.apiserver.kinds.bootstrap.roles import EVENTS, READ, Rules

_PODS = "create delete list patch watch: core: pods"
_SLICES = "create delete get list update: discovery.k8s.io: endpointslices"

# Keyed by the ServiceAccount in kube-system; the role is system:controller:NAME.
CONTROLLERS: Mapping[str, Rules] = {
    "attachdetach-controller": (
        "list watch: core: persistentvolumeclaims persistentvolumes pods",
        f"{READ}: core: nodes",
        "patch update: core: nodes/status",
        f"create delete {READ}: storage.k8s.io: volumeattachments",
        f"{READ}: storage.k8s.io: csidrivers csinodes",
        EVENTS,
    ),
    "certificate-controller": (
        f"delete {READ}: certificates.k8s.io: certificatesigningrequests",
        "update: certificates.k8s.io: certificatesigningrequests/approval certificatesigningrequests/status",
        "approve: certificates.k8s.io: signers: kubernetes.io/kube-apiserver-client-kubelet",
        (
            "sign: certificates.k8s.io: signers: kubernetes.io/kube-apiserver-client "
            "kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown"
        ),
        "create: authorization.k8s.io: subjectaccessreviews",
        EVENTS,
    ),
    "clusterrole-aggregation-controller": (
        f"escalate {READ} patch update: rbac.authorization.k8s.io: clusterroles",
    ),
    "cronjob-controller": (
        f"{READ} update: batch: cronjobs",
        f"create delete {READ} patch update: batch: jobs",
        "update: batch: cronjobs/finalizers cronjobs/status",
        "delete list: core: pods",
        EVENTS,
    ),
    "daemon-set-controller": (
        f"{READ}: apps: daemonsets",
        "update: apps: daemonsets/finalizers daemonsets/status",
        "list watch: core: nodes",
        _PODS,
        "create: core: pods/binding",
        f"create delete {READ} patch update: apps: controllerrevisions",
        EVENTS,
    ),
    "deployment-controller": (
        f"{READ} update: apps: deployments",
        "update: apps: deployments/finalizers deployments/status",
        f"create delete {READ} patch update: apps: replicasets",
        f"{READ} update: core: pods",
        EVENTS,
    ),
    "disruption-controller": (
        f"{READ}: apps: deployments replicasets statefulsets",
        f"{READ}: core: replicationcontrollers",
        f"{READ}: policy: poddisruptionbudgets",
        "update: policy: poddisruptionbudgets/status",
        "patch update: core: pods/status",
        "list watch: core: pods",
        "get: *: */scale",
        EVENTS,
    ),
    "endpoint-controller": (
        f"{READ}: core: pods services",
        "create delete get list update: core: endpoints",
        "create: core: endpoints/restricted",
        EVENTS,
    ),
    "endpointslice-controller": (
        f"{READ}: core: nodes pods services",
        "update: core: services/finalizers",
        _SLICES,
        EVENTS,
    ),
    "endpointslicemirroring-controller": (
        f"{READ}: core: endpoints services",
        "update: core: endpoints/finalizers services/finalizers",
        _SLICES,
        EVENTS,
    ),
    "ephemeral-volume-controller": (
        f"{READ}: core: pods",
        "update: core: pods/finalizers",
        f"create {READ}: core: persistentvolumeclaims",
        EVENTS,
    ),
    "expand-controller": (
        f"{READ} patch update: core: persistentvolumes",
        "patch update: core: persistentvolumeclaims/status",
        f"{READ}: core: persistentvolumeclaims",
        f"{READ}: storage.k8s.io: storageclasses",
        "get: core: endpoints secrets services",
        EVENTS,
    ),
    "generic-garbage-collector": (f"delete {READ} patch update: *: *", EVENTS),
    "horizontal-pod-autoscaler": (
        f"{READ}: autoscaling: horizontalpodautoscalers",
        "update: autoscaling: horizontalpodautoscalers/status",
        "get update: *: */scale",
        "list: core: pods",
        "list: metrics.k8s.io: pods",
        "get list: custom.metrics.k8s.io external.metrics.k8s.io: *",
        EVENTS,
    ),
    "job-controller": (
        f"{READ} patch update: batch: jobs",
        "update: batch: jobs/finalizers jobs/status",
        _PODS,
        EVENTS,
    ),
    "legacy-service-account-token-cleaner": (
        "get: core: configmaps: kube-apiserver-legacy-service-account-token-tracking",
        "delete patch: core: secrets",
    ),
    "namespace-controller": (
        f"delete {READ}: core: namespaces",
        "update: core: namespaces/finalize namespaces/status",
        "delete deletecollection get list: *: *",
    ),
    "node-controller": (
        "delete get list patch update: core: nodes",
        "patch update: core: nodes/status pods/status",
        "delete get list: core: pods",
        EVENTS,
    ),
    "persistent-volume-binder": (
        f"create delete {READ} update: core: persistentvolumes",
        f"{READ} update: core: persistentvolumeclaims",
        "update: core: persistentvolumeclaims/status persistentvolumes/status",
        f"create delete {READ}: core: pods",
        f"{READ}: storage.k8s.io: storageclasses",
        "create delete get update: core: endpoints",
        "create delete get: core: services",
        "get: core: secrets",
        "get list: core: nodes",
        "watch: core: events",
        EVENTS,
    ),
    "pod-garbage-collector": (
        "delete list watch: core: pods",
        "get list: core: nodes",
        "patch: core: pods/status",
    ),
    "pv-protection-controller": (f"{READ} update: core: persistentvolumes", EVENTS),
    "pvc-protection-controller": (
        f"{READ} update: core: persistentvolumeclaims",
        f"{READ}: core: pods",
        EVENTS,
    ),
    "replicaset-controller": (
        f"{READ} update: apps: replicasets",
        "update: apps: replicasets/finalizers replicasets/status",
        _PODS,
        EVENTS,
    ),
    "replication-controller": (
        f"{READ} update: core: replicationcontrollers",
        "update: core: replicationcontrollers/finalizers replicationcontrollers/status",
        _PODS,
        EVENTS,
    ),
    "resource-claim-controller": (
        f"{READ}: core: pods",
        "update: core: pods/finalizers",
        f"create delete {READ} patch update: resource.k8s.io: resourceclaims",
        f"{READ}: resource.k8s.io: resourceclaimtemplates",
        "patch update: resource.k8s.io: resourceclaims/status",
        "patch update: core: pods/status",
        EVENTS,
    ),
    "resourcequota-controller": (
        "list watch: *: *",
        "update: core: resourcequotas/status",
        EVENTS,
    ),
    "root-ca-cert-publisher": ("create update: core: configmaps", EVENTS),
    "route-controller": ("list watch: core: nodes", "patch: core: nodes/status", EVENTS),
    "selinux-warning-controller": (
        f"{READ}: core: persistentvolumeclaims persistentvolumes pods",
        f"{READ}: storage.k8s.io: csidrivers",
        EVENTS,
    ),
    "service-account-controller": ("create: core: serviceaccounts", EVENTS),
    "service-cidrs-controller": (
        f"{READ} patch update: networking.k8s.io: servicecidrs",
        "patch update: networking.k8s.io: servicecidrs/finalizers servicecidrs/status",
        f"{READ}: networking.k8s.io: ipaddresses",
        EVENTS,
    ),
    "service-controller": (
        f"{READ}: core: services",
        "patch update: core: services/status",
        "list watch: core: nodes",
        EVENTS,
    ),
    "statefulset-controller": (
        "list watch: core: pods",
        f"{READ}: apps: statefulsets",
        "update: apps: statefulsets/finalizers statefulsets/status",
        "create delete get patch update: core: pods",
        f"create delete {READ} patch update: apps: controllerrevisions",
        "create delete get update: core: persistentvolumeclaims",
        EVENTS,
    ),
    "ttl-after-finished-controller": (f"delete {READ}: batch: jobs", EVENTS),
    "ttl-controller": ("list patch update watch: core: nodes", EVENTS),
    "validatingadmissionpolicy-status-controller": (
        f"{READ}: admissionregistration.k8s.io: validatingadmissionpolicies",
        "get patch update: admissionregistration.k8s.io: validatingadmissionpolicies/status",
        EVENTS,
    ),
    "volumeattributesclass-protection-controller": (
        f"{READ}: core: persistentvolumeclaims persistentvolumes",
        f"{READ} update: storage.k8s.io: volumeattributesclasses",
        EVENTS,
    ),
}
