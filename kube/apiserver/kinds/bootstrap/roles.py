"""The rules of the default roles: of people, of components, of our own parts.

A rule is written `verbs: groups: resources`, with `: names` behind it where only some objects are meant; `core` is
the core group. What each role may do is part of the platform's contract: users' manifests bind to these names.
"""

from collections.abc import Mapping, Sequence

Rules = Sequence[str]

READ = "get list watch"
WRITE = "create delete deletecollection patch update"
EVENTS = "create patch update: core events.k8s.io: events"

_VIEWED: Rules = (
    (
        f"{READ}: core: configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods "
        "replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status"
    ),
    (
        f"{READ}: core: bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status "
        "resourcequotas resourcequotas/status"
    ),
    f"{READ}: core: namespaces",
    f"{READ}: discovery.k8s.io: endpointslices",
    (
        f"{READ}: apps: controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status "
        "replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status"
    ),
    f"{READ}: autoscaling: horizontalpodautoscalers horizontalpodautoscalers/status",
    f"{READ}: batch: cronjobs cronjobs/status jobs jobs/status",
    f"{READ}: policy: poddisruptionbudgets poddisruptionbudgets/status",
    f"{READ}: networking.k8s.io: ingresses ingresses/status networkpolicies",
    f"{READ}: resource.k8s.io: resourceclaims resourceclaims/status resourceclaimtemplates",
)
# Not endpoints and endpointslices: who writes those can lead Services of others anywhere (CVE-2021-25740).
_EDITED: Rules = (
    f"{READ}: core: pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy",
    "impersonate: core: serviceaccounts",
    f"{WRITE}: core: pods pods/attach pods/exec pods/portforward pods/proxy",
    "create: core: pods/eviction",
    (
        f"{WRITE}: core: configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale "
        "secrets serviceaccounts services services/proxy"
    ),
    "create: core: serviceaccounts/token",
    (
        f"{WRITE}: apps: daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale "
        "statefulsets statefulsets/scale"
    ),
    f"{WRITE}: autoscaling: horizontalpodautoscalers",
    f"{WRITE}: batch: cronjobs jobs",
    f"{WRITE}: policy: poddisruptionbudgets",
    f"{WRITE}: networking.k8s.io: ingresses networkpolicies",
    f"{WRITE} {READ}: coordination.k8s.io: leases",
    f"{WRITE}: resource.k8s.io: resourceclaims resourceclaimtemplates",
)
_ADMINISTERED: Rules = (
    "create: authorization.k8s.io: localsubjectaccessreviews",
    f"{WRITE} {READ}: rbac.authorization.k8s.io: rolebindings roles",
)
# What the Node authorizer lets a node do besides what its pods need; also the role system:node, bound to nobody.
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
_SCHEDULER: Rules = (
    EVENTS,
    "create: coordination.k8s.io: leases",
    f"{READ} update: coordination.k8s.io: leases: kube-scheduler",
    f"{READ}: core: nodes namespaces replicationcontrollers services persistentvolumeclaims persistentvolumes",
    f"delete {READ}: core: pods",
    "create: core: bindings pods/binding",
    "patch update: core: pods/status",
    f"{READ}: apps: replicasets statefulsets",
    f"{READ}: policy: poddisruptionbudgets",
    f"{READ}: storage.k8s.io: csidrivers csinodes csistoragecapacities storageclasses volumeattachments",
    f"{READ}: resource.k8s.io: deviceclasses resourceslices",
    f"{READ} patch update: resource.k8s.io: resourceclaims",
    "patch update: resource.k8s.io: resourceclaims/status",
    "create: authentication.k8s.io: tokenreviews",
    "create: authorization.k8s.io: subjectaccessreviews",
)
_CONTROLLER_MANAGER: Rules = (
    EVENTS,
    "create: coordination.k8s.io: leases",
    "get update: coordination.k8s.io: leases: kube-controller-manager",
    "create get update: core: secrets serviceaccounts",
    "delete: core: secrets",
    "get: core: configmaps namespaces",
    "create: core: serviceaccounts/token",
    "create: authentication.k8s.io: tokenreviews",
    "create: authorization.k8s.io: subjectaccessreviews",
    "list watch: *: *",
)
# Our controllers are one client: together they may do what the roles system:controller:* share among many.
_CONTROLLERS: Rules = (
    f"{READ} delete deletecollection patch update: *: *",
    "create: core: configmaps endpoints events persistentvolumeclaims pods serviceaccounts",
    "create: events.k8s.io: events",
    "create: apps: controllerrevisions replicasets",
    "create: batch: jobs",
    "create: coordination.k8s.io: leases",
    "create: discovery.k8s.io: endpointslices endpointslices/restricted",
    "create: core: endpoints/restricted",
    "escalate: rbac.authorization.k8s.io: clusterroles",
)
_DISCOVERED = ("/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*")
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_MONITORED = (
    "/healthz",
    "/healthz/*",
    "/livez",
    "/livez/*",
    "/metrics",
    "/metrics/slis",
    "/readyz",
    "/readyz/*",
)

CLUSTER_ROLES: Mapping[str, Rules] = {
    "cluster-admin": ("*: *: *",),
    "system:aggregate-to-admin": _ADMINISTERED,
    "system:aggregate-to-edit": _EDITED,
    "system:aggregate-to-view": _VIEWED,
    "system:aggregated-metrics-reader": (f"{READ}: metrics.k8s.io: nodes pods",),
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
    **{
        f"system:certificates.k8s.io:{signer}-approver": (
            f"approve: certificates.k8s.io: signers: kubernetes.io/{signer}",
        )
        for signer in (
            "kube-apiserver-client",
            "kube-apiserver-client-kubelet",
            "kubelet-serving",
            "legacy-unknown",
        )
    },
    "system:coredns": (
        "list watch: core: endpoints namespaces pods services",
        "list watch: discovery.k8s.io: endpointslices",
        "list watch: multicluster.x-k8s.io: serviceimports",
        "get: core: nodes",
    ),
    "system:kube-aggregator": (f"{READ}: core: endpoints services",),
    "system:kube-controller-manager": _CONTROLLER_MANAGER,
    "system:kube-dns": ("list watch: core: endpoints services",),
    "system:kube-scheduler": _SCHEDULER,
    "system:kubelet-api-admin": (
        f"{READ} proxy: core: nodes",
        "*: core: nodes/configz nodes/healthz nodes/log nodes/metrics nodes/pods nodes/proxy nodes/stats",
    ),
    "system:node": NODE,
    "system:node-bootstrapper": (f"create {READ}: certificates.k8s.io: certificatesigningrequests",),
    "system:node-problem-detector": ("get: core: nodes", "patch: core: nodes/status", EVENTS),
    "system:node-proxier": (
        "list watch: core: endpoints services",
        f"{READ}: core: nodes",
        EVENTS,
        "list watch: discovery.k8s.io: endpointslices",
        "list watch: networking.k8s.io: servicecidrs",
    ),
    "system:persistent-volume-provisioner": (
        f"create delete {READ}: core: persistentvolumes",
        f"{READ} update: core: persistentvolumeclaims",
        f"{READ}: storage.k8s.io: storageclasses",
        "watch: core: events",
        EVENTS,
    ),
    "system:volume-scheduler": (
        f"{READ} patch update: core: persistentvolumeclaims persistentvolumes",
        f"{READ}: storage.k8s.io: storageclasses",
    ),
    "podnet:controllers": _CONTROLLERS,
}
# Roles for paths that are no resources; reading them is all there is.
PATH_ROLES: Mapping[str, Sequence[str]] = {
    "system:discovery": (*_DISCOVERED, *_PUBLIC),
    "system:monitoring": _MONITORED,
    "system:public-info-viewer": _PUBLIC,
    "system:service-account-issuer-discovery": ("/.well-known/openid-configuration", "/openid/v1/jwks"),
}
# Roles whose rules are those of all roles labelled aggregate-to-NAME, and what is so labelled from the start.
AGGREGATED: Mapping[str, Sequence[str]] = {
    "view": ("system:aggregate-to-view", "system:aggregated-metrics-reader"),
    "edit": ("system:aggregate-to-edit", "view"),
    "admin": ("system:aggregate-to-admin", "edit"),
}
# Role of a namespace: its rules and the users it is bound to.
NAMESPACE_ROLES: Mapping[tuple[str, str], tuple[Rules, Sequence[str]]] = {
    ("kube-system", "extension-apiserver-authentication-reader"): (
        (f"{READ}: core: configmaps: extension-apiserver-authentication",),
        ("system:kube-controller-manager", "system:kube-scheduler"),
    ),
    ("kube-system", "system::leader-locking-kube-controller-manager"): (
        ("watch: core: configmaps", "get update: core: configmaps: kube-controller-manager"),
        ("system:kube-controller-manager",),
    ),
    ("kube-system", "system::leader-locking-kube-scheduler"): (
        ("watch: core: configmaps", "get update: core: configmaps: kube-scheduler"),
        ("system:kube-scheduler",),
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
