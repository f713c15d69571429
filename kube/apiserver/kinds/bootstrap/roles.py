"""The rules of the default roles, as kube-apiserver 1.36.3 has them, and of our own parts.

A rule is written `verbs: groups: resources`, with `: names` behind it where only some objects are meant; `core` is
the core group. What each role may do is part of the platform's contract: users' manifests bind to these names.
"""

from collections.abc import Mapping, Sequence

Rules = Sequence[str]

READ = "get list watch"
WRITE = "create delete deletecollection patch update"
EVENTS = "create patch update: core events.k8s.io: events"

# What the Node authorizer lets a node do besides what its pods need.
NODE: Rules = (
    "create: authentication.k8s.io: tokenreviews",
    "create: authorization.k8s.io: localsubjectaccessreviews subjectaccessreviews",
    f"{READ}: core: services",
    f"create patch update {READ}: core: nodes",
    "patch update: core: nodes/status",
    EVENTS,
    f"create delete {READ}: core: pods",
    "patch update: core: pods/status",
    "create: core: pods/eviction serviceaccounts/token",
    f"{READ}: core: configmaps secrets",
    "get: core: persistentvolumeclaims persistentvolumes endpoints serviceaccounts",
    "get patch update: core: persistentvolumeclaims/status",
    f"create {READ}: certificates.k8s.io: certificatesigningrequests",
    "create delete get patch update: coordination.k8s.io: leases",
    "get: storage.k8s.io: volumeattachments",
    f"{READ}: storage.k8s.io: csidrivers",
    "create delete get patch update: storage.k8s.io: csinodes",
    f"{READ}: node.k8s.io: runtimeclasses",
    "get: resource.k8s.io: resourceclaims",
    f"create delete deletecollection {READ} patch update: resource.k8s.io: resourceslices",
)
# Our controllers are one client: together they may do what the roles system:controller:* share among many.
_CONTROLLERS: Rules = (
    f"{READ} delete deletecollection patch update: *: *",
    "create: core: configmaps endpoints events persistentvolumeclaims persistentvolumes pods serviceaccounts",
    "create: events.k8s.io: events",
    "create: apps: controllerrevisions replicasets",
    "create: batch: jobs",
    "create: coordination.k8s.io: leases",
    "create: discovery.k8s.io: endpointslices endpointslices/restricted",
    "create: core: endpoints/restricted",
    "create: networking.k8s.io: ipaddresses",
    "escalate: rbac.authorization.k8s.io: clusterroles",
    "approve: certificates.k8s.io: signers: kubernetes.io/kube-apiserver-client-kubelet",
    (
        "sign: certificates.k8s.io: signers: kubernetes.io/kube-apiserver-client "
        "kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown"
    ),
)
CLUSTER_ROLES: Mapping[str, Rules] = {
    "cluster-admin": ("*: *: *",),
    "system:aggregate-to-admin": (
        "create: authorization.k8s.io: localsubjectaccessreviews",
        f"{WRITE} {READ}: rbac.authorization.k8s.io: rolebindings roles",
    ),
    "system:aggregate-to-edit": (
        f"{READ}: core: pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
        "impersonate: core: serviceaccounts",
        f"{WRITE}: core: pods pods/attach pods/exec pods/portforward pods/proxy",
        "create: core: pods/eviction",
        (
            f"{WRITE}: core: configmaps persistentvolumeclaims replicationcontrollers "
            "replicationcontrollers/scale secrets serviceaccounts services services/proxy"
        ),
        "create: core: serviceaccounts/token",
        f"{WRITE}: core events.k8s.io: events",
        (
            f"{WRITE}: apps: daemonsets deployments deployments/rollback deployments/scale replicasets "
            "replicasets/scale statefulsets statefulsets/scale"
        ),
        f"{WRITE}: autoscaling: horizontalpodautoscalers",
        f"{WRITE}: batch: cronjobs jobs",
        (
            f"{WRITE}: extensions: daemonsets deployments deployments/rollback deployments/scale "
            "ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale"
        ),
        f"{WRITE}: policy: poddisruptionbudgets",
        f"{WRITE}: networking.k8s.io: ingresses networkpolicies",
        f"{WRITE} {READ}: coordination.k8s.io: leases",
        f"{WRITE}: resource.k8s.io: resourceclaims resourceclaimtemplates",
    ),
    "system:aggregate-to-view": (
        (
            f"{READ}: core: configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status "
            "pods replicationcontrollers replicationcontrollers/scale serviceaccounts services "
            "services/status"
        ),
        (
            f"{READ}: core: bindings limitranges namespaces/status pods/log pods/status "
            "replicationcontrollers/status resourcequotas resourcequotas/status"
        ),
        f"{READ}: core: namespaces",
        f"{READ}: core events.k8s.io: events",
        f"{READ}: discovery.k8s.io: endpointslices",
        (
            f"{READ}: apps: controllerrevisions daemonsets daemonsets/status deployments "
            "deployments/scale deployments/status replicasets replicasets/scale replicasets/status "
            "statefulsets statefulsets/scale statefulsets/status"
        ),
        f"{READ}: autoscaling: horizontalpodautoscalers horizontalpodautoscalers/status",
        f"{READ}: batch: cronjobs cronjobs/status jobs jobs/status",
        (
            f"{READ}: extensions: daemonsets daemonsets/status deployments deployments/scale "
            "deployments/status ingresses ingresses/status networkpolicies replicasets "
            "replicasets/scale replicasets/status replicationcontrollers/scale"
        ),
        f"{READ}: policy: poddisruptionbudgets poddisruptionbudgets/status",
        f"{READ}: networking.k8s.io: ingresses ingresses/status networkpolicies",
        f"{READ}: resource.k8s.io: resourceclaims resourceclaims/status resourceclaimtemplates",
    ),
    "system:auth-delegator": (
        "create: authentication.k8s.io: tokenreviews",
        "create: authorization.k8s.io: subjectaccessreviews",
    ),
    "system:basic-user": (
        "create: authorization.k8s.io: selfsubjectaccessreviews selfsubjectrulesreviews",
        "create: authentication.k8s.io: selfsubjectreviews",
    ),
    "system:certificates.k8s.io:certificatesigningrequests:nodeclient": (
        "create: certificates.k8s.io: certificatesigningrequests/nodeclient",
    ),
    "system:certificates.k8s.io:certificatesigningrequests:selfnodeclient": (
        "create: certificates.k8s.io: certificatesigningrequests/selfnodeclient",
    ),
    "system:certificates.k8s.io:kube-apiserver-client-approver": (
        "approve: certificates.k8s.io: signers: kubernetes.io/kube-apiserver-client",
    ),
    "system:certificates.k8s.io:kube-apiserver-client-kubelet-approver": (
        "approve: certificates.k8s.io: signers: kubernetes.io/kube-apiserver-client-kubelet",
    ),
    "system:certificates.k8s.io:kubelet-serving-approver": (
        "approve: certificates.k8s.io: signers: kubernetes.io/kubelet-serving",
    ),
    "system:certificates.k8s.io:legacy-unknown-approver": (
        "approve: certificates.k8s.io: signers: kubernetes.io/legacy-unknown",
    ),
    "system:heapster": (
        f"{READ}: core: events namespaces nodes pods",
        f"{READ}: extensions: deployments",
    ),
    "system:kube-aggregator": (f"{READ}: core: endpoints services",),
    "system:kube-controller-manager": (
        EVENTS,
        "create: coordination.k8s.io: leases",
        "get update: coordination.k8s.io: leases: kube-controller-manager",
        "create: core: secrets serviceaccounts",
        "delete: core: secrets",
        "get: core: configmaps namespaces secrets serviceaccounts",
        "update: core: secrets serviceaccounts",
        "create: authentication.k8s.io: tokenreviews",
        "create: authorization.k8s.io: subjectaccessreviews",
        "list watch: *: *",
        "create: core: serviceaccounts/token",
    ),
    "system:kube-dns": ("list watch: core: endpoints services",),
    "system:kube-scheduler": (
        EVENTS,
        "create: coordination.k8s.io: leases",
        f"{READ} update: coordination.k8s.io: leases: kube-scheduler",
        f"{WRITE} {READ}: coordination.k8s.io: leasecandidates",
        f"{READ}: core: nodes",
        f"{READ} delete: core: pods",
        "create: core: bindings pods/binding",
        "patch update: core: pods/status",
        f"{READ}: core: replicationcontrollers services",
        f"{READ}: apps extensions: replicasets",
        f"{READ}: apps: statefulsets",
        f"{READ}: policy: poddisruptionbudgets",
        f"{READ}: core: persistentvolumeclaims persistentvolumes",
        "create: authentication.k8s.io: tokenreviews",
        "create: authorization.k8s.io: subjectaccessreviews",
        f"{READ}: storage.k8s.io: csinodes",
        f"{READ}: storage.k8s.io: volumeattachments",
        f"{READ}: core: namespaces",
        f"{READ}: storage.k8s.io: csidrivers",
        f"{READ}: storage.k8s.io: csistoragecapacities",
        f"{READ}: resource.k8s.io: deviceclasses",
        f"{READ} patch update: resource.k8s.io: resourceclaims",
        f"{READ} patch update: resource.k8s.io: resourceclaims/status",
        "update: core: pods/finalizers",
        f"{READ}: resource.k8s.io: resourceslices",
        "create delete: resource.k8s.io: resourceclaims",
        "patch update: resource.k8s.io: resourceclaims/binding",
    ),
    "system:kubelet-api-admin": (
        f"{READ}: core: nodes",
        "proxy: core: nodes",
        "*: core: nodes/log nodes/metrics nodes/proxy nodes/stats",
        "*: core: nodes/configz nodes/healthz nodes/pods",
    ),
    "system:monitoring": ("get: core: nodes/metrics",),
    "system:node": (
        "create: authentication.k8s.io: tokenreviews",
        "create: authorization.k8s.io: localsubjectaccessreviews subjectaccessreviews",
        f"{READ}: core: services",
        f"{READ} create: core: nodes",
        "patch update: core: nodes/status",
        "patch update: core: nodes",
        EVENTS,
        f"{READ}: core: pods",
        "create delete: core: pods",
        "patch update: core: pods/status",
        "create: core: pods/eviction",
        f"{READ}: core: configmaps secrets",
        "get: core: persistentvolumeclaims persistentvolumes",
        "get: core: endpoints",
        f"{READ} create: certificates.k8s.io: certificatesigningrequests",
        "create delete get patch update: coordination.k8s.io: leases",
        "get: storage.k8s.io: volumeattachments",
        "create: core: serviceaccounts/token",
        "get patch update: core: persistentvolumeclaims/status",
        f"{READ}: storage.k8s.io: csidrivers",
        "create delete get patch update: storage.k8s.io: csinodes",
        f"{READ}: node.k8s.io: runtimeclasses",
        "get: resource.k8s.io: resourceclaims",
        "deletecollection: resource.k8s.io: resourceslices",
        "get: core: serviceaccounts",
    ),
    "system:node-bootstrapper": (f"{READ} create: certificates.k8s.io: certificatesigningrequests",),
    "system:node-problem-detector": (
        "get: core: nodes",
        "patch: core: nodes/status",
        EVENTS,
    ),
    "system:node-proxier": (
        "list watch: core: endpoints services",
        f"{READ}: core: nodes",
        EVENTS,
        "list watch: networking.k8s.io: servicecidrs",
        "list watch: discovery.k8s.io: endpointslices",
    ),
    "system:persistent-volume-provisioner": (
        f"{READ} create delete: core: persistentvolumes",
        f"{READ} update: core: persistentvolumeclaims",
        f"{READ}: storage.k8s.io: storageclasses",
        "watch: core: events",
        EVENTS,
    ),
    "system:volume-scheduler": (
        f"{READ} patch update: core: persistentvolumes",
        f"{READ}: storage.k8s.io: storageclasses",
        f"{READ} patch update: core: persistentvolumeclaims",
    ),
    # Ours, and what clusters commonly add.
    "podnet:controllers": _CONTROLLERS,
    "system:aggregated-metrics-reader": (f"{READ}: metrics.k8s.io: nodes pods",),
    "system:coredns": (
        "list watch: core: endpoints namespaces pods services",
        "list watch: discovery.k8s.io: endpointslices",
        "list watch: multicluster.x-k8s.io: serviceimports",
        "get: core: nodes",
    ),
}
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version", "/version/")
# Roles for paths that are no resources; reading them is all there is.
PATH_ROLES: Mapping[str, Sequence[str]] = {
    "system:discovery": ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*", *_PUBLIC),
    "system:monitoring": (
        "/flagz",
        "/healthz",
        "/healthz/*",
        "/livez",
        "/livez/*",
        "/metrics",
        "/metrics/slis",
        "/readyz",
        "/readyz/*",
        "/statusz",
    ),
    "system:public-info-viewer": _PUBLIC,
    "system:service-account-issuer-discovery": (
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/",
        "/openid/v1/jwks",
        "/openid/v1/jwks/",
    ),
}
# Roles whose rules are those of all roles labelled aggregate-to-NAME, and what is so labelled from the start.
AGGREGATED: Mapping[str, Sequence[str]] = {
    "view": ("system:aggregate-to-view", "system:aggregated-metrics-reader"),
    "edit": ("system:aggregate-to-edit", "view"),
    "admin": ("system:aggregate-to-admin", "edit"),
}
_LEADING: Rules = (
    f"{READ} create update: coordination.k8s.io: leases",
    f"{READ} create update: coordination.k8s.io: leasecandidates",
)
# Role of a namespace: its rules and whom it is bound to, written as in BINDINGS.
NAMESPACE_ROLES: Mapping[tuple[str, str], tuple[Rules, Sequence[str]]] = {
    ("kube-public", "system:controller:bootstrap-signer"): (
        (f"{READ}: core: configmaps", "update: core: configmaps: cluster-info", EVENTS),
        ("ServiceAccount kube-system/bootstrap-signer",),
    ),
    ("kube-system", "extension-apiserver-authentication-reader"): (
        (f"{READ}: core: configmaps: extension-apiserver-authentication",),
        ("User system:kube-controller-manager", "User system:kube-scheduler"),
    ),
    ("kube-system", "system:controller:bootstrap-signer"): (
        (f"{READ}: core: secrets",),
        ("ServiceAccount kube-system/bootstrap-signer",),
    ),
    ("kube-system", "system:controller:cloud-provider"): (
        (f"{READ} create: core: configmaps",),
        ("ServiceAccount kube-system/cloud-provider",),
    ),
    ("kube-system", "system:controller:token-cleaner"): (
        (f"{READ} delete: core: secrets", EVENTS),
        ("ServiceAccount kube-system/token-cleaner",),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        _LEADING,
        (
            "User system:kube-controller-manager",
            "ServiceAccount kube-system/kube-controller-manager",
            "ServiceAccount kube-system/leader-election-controller",
        ),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        _LEADING,
        ("User system:kube-scheduler", "ServiceAccount kube-system/kube-scheduler"),
    ),
}
# Whom the cluster roles are bound to, cluster-wide: `Kind name`, a ServiceAccount's name as namespace/name.
BINDINGS: Mapping[str, Sequence[str]] = {
    "cluster-admin": ("Group system:masters",),
    "system:basic-user": ("Group system:authenticated",),
    "system:coredns": ("ServiceAccount kube-system/coredns", "ServiceAccount kube-system/kube-dns"),
    "system:discovery": ("Group system:authenticated",),
    "system:kube-controller-manager": ("User system:kube-controller-manager",),
    "system:kube-dns": ("ServiceAccount kube-system/kube-dns",),
    "system:kube-scheduler": ("User system:kube-scheduler",),
    "system:monitoring": ("Group system:monitoring",),
    "system:node": (),
    "system:node-proxier": ("User system:kube-proxy",),
    "system:public-info-viewer": ("Group system:authenticated", "Group system:unauthenticated"),
    "system:service-account-issuer-discovery": ("Group system:serviceaccounts",),
    "system:volume-scheduler": ("User system:kube-scheduler",),
    "podnet:controllers": ("User system:kube-controller-manager",),
}
