"""Default roles and bindings: those of kube-apiserver that our own identities and users' manifests need.

Rules are `(verbs, groups, resources)`; the core group is "".
"""

from collections.abc import Iterable, Sequence
from typing import Any

Object = dict[str, Any]
Rule = tuple[str, str, str]

GROUP = "rbac.authorization.k8s.io"
READ = "get list watch"
WRITE = "create delete deletecollection patch update"
EDIT = f"{READ} {WRITE}"

_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}

_VIEWED: Sequence[Rule] = (
    (
        READ,
        "",
        "configmaps endpoints events limitranges namespaces/status persistentvolumeclaims pods pods/log",
    ),
    (
        READ,
        "",
        "pods/status replicationcontrollers replicationcontrollers/scale resourcequotas serviceaccounts",
    ),
    (READ, "", "services services/status bindings namespaces persistentvolumeclaims/status"),
    (
        READ,
        "apps",
        "controllerrevisions daemonsets deployments deployments/scale replicasets replicasets/scale",
    ),
    (READ, "apps", "statefulsets statefulsets/scale daemonsets/status deployments/status replicasets/status"),
    (READ, "autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status"),
    (READ, "batch", "cronjobs cronjobs/status jobs jobs/status"),
    (READ, "discovery.k8s.io", "endpointslices"),
    (READ, "events.k8s.io", "events"),
    (READ, "networking.k8s.io", "ingresses ingresses/status networkpolicies"),
    (READ, "policy", "poddisruptionbudgets poddisruptionbudgets/status"),
)
_EDITED: Sequence[Rule] = (
    (EDIT, "", "secrets"),
    ("get list watch create", "", "pods/attach pods/exec pods/portforward pods/proxy services/proxy"),
    ("create", "", "pods/eviction serviceaccounts/token"),
    (
        WRITE,
        "",
        "configmaps endpoints events persistentvolumeclaims pods replicationcontrollers serviceaccounts",
    ),
    (WRITE, "", "services replicationcontrollers/scale"),
    (
        WRITE,
        "apps",
        "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale",
    ),
    (WRITE, "apps", "statefulsets statefulsets/scale"),
    (WRITE, "autoscaling", "horizontalpodautoscalers"),
    (WRITE, "batch", "cronjobs jobs"),
    (WRITE, "discovery.k8s.io", "endpointslices"),
    (WRITE, "networking.k8s.io", "ingresses networkpolicies"),
    (WRITE, "policy", "poddisruptionbudgets"),
    (EDIT, "coordination.k8s.io", "leases"),
    ("impersonate", "", "serviceaccounts"),
)
_ADMINISTERED: Sequence[Rule] = (
    (EDIT, GROUP, "roles rolebindings"),
    ("create", "authorization.k8s.io", "localsubjectaccessreviews"),
)
_EVENTS: Rule = ("create patch update", " events.k8s.io", "events")
_LEASES: Rule = ("create get list patch update watch delete", "coordination.k8s.io", "leases")

CLUSTER_ROLES: Sequence[tuple[str, Sequence[Rule]]] = (
    ("cluster-admin", (("*", "*", "*"),)),
    ("admin", (*_VIEWED, *_EDITED, *_ADMINISTERED)),
    ("edit", (*_VIEWED, *_EDITED)),
    ("view", _VIEWED),
    (
        "system:basic-user",
        (
            ("create", "authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews"),
            ("create", "authentication.k8s.io", "selfsubjectreviews"),
        ),
    ),
    (
        "system:node",
        (
            (f"create delete patch update {READ}", "", "nodes pods"),
            ("patch update", "", "nodes/status pods/status"),
            ("create", "", "pods/eviction serviceaccounts/token"),
            (READ, "", "configmaps secrets services persistentvolumes persistentvolumeclaims"),
            (READ, "", "namespaces serviceaccounts endpoints"),
            (READ, "discovery.k8s.io", "endpointslices"),
            (READ, "node.k8s.io", "runtimeclasses"),
            (EDIT, "storage.k8s.io", "csinodes"),
            (READ, "storage.k8s.io", "csidrivers volumeattachments"),
            ("create", "authentication.k8s.io", "tokenreviews"),
            ("create", "authorization.k8s.io", "subjectaccessreviews"),
            ("create get list watch", "certificates.k8s.io", "certificatesigningrequests"),
            _LEASES,
            _EVENTS,
        ),
    ),
    (
        "system:node-proxier",
        (
            (READ, "", "nodes services endpoints"),
            (READ, "discovery.k8s.io", "endpointslices"),
            (READ, "networking.k8s.io", "servicecidrs"),
            _EVENTS,
        ),
    ),
    (
        "system:kube-dns",
        ((READ, "", "endpoints services namespaces pods"), (READ, "discovery.k8s.io", "endpointslices")),
    ),
    (
        "system:kube-scheduler",
        (
            _EVENTS,
            _LEASES,
            (READ, "", "nodes namespaces services replicationcontrollers persistentvolumes"),
            (f"{READ} delete", "", "pods"),
            ("create", "", "bindings pods/binding"),
            ("patch update", "", "pods/status"),
            (f"{READ} patch update", "", "persistentvolumeclaims"),
            (READ, "apps", "replicasets statefulsets"),
            (READ, "policy", "poddisruptionbudgets"),
            (READ, "storage.k8s.io", "*"),
            (f"{READ} patch update", "resource.k8s.io", "*"),
            ("create", "authentication.k8s.io", "tokenreviews"),
            ("create", "authorization.k8s.io", "subjectaccessreviews"),
        ),
    ),
    ("system:kube-controller-manager", (("*", "*", "*"),)),
)

# Paths that are no resources.
PATH_ROLES: Sequence[tuple[str, Sequence[str]]] = (
    (
        "system:discovery",
        (
            "/api",
            "/api/*",
            "/apis",
            "/apis/*",
            "/healthz",
            "/livez",
            "/openapi",
            "/openapi/*",
            "/readyz",
            "/version",
            "/version/",
        ),
    ),
    ("system:public-info-viewer", ("/healthz", "/livez", "/readyz", "/version", "/version/")),
    (
        "system:monitoring",
        ("/healthz", "/healthz/*", "/livez", "/livez/*", "/metrics", "/readyz", "/readyz/*"),
    ),
)

# Binding and role have one name where only one is given.
CLUSTER_ROLE_BINDINGS: Sequence[tuple[str, str, str, str]] = (
    ("cluster-admin", "cluster-admin", "Group", "system:masters"),
    ("system:basic-user", "system:basic-user", "Group", "system:authenticated"),
    ("system:discovery", "system:discovery", "Group", "system:authenticated"),
    ("system:public-info-viewer", "system:public-info-viewer", "Group", "system:authenticated"),
    ("system:monitoring", "system:monitoring", "Group", "system:monitoring"),
    ("system:node", "system:node", "Group", "system:nodes"),
    ("system:node-proxier", "system:node-proxier", "User", "system:kube-proxy"),
    ("system:kube-dns", "system:kube-dns", "User", "system:kube-dns"),
    ("system:kube-scheduler", "system:kube-scheduler", "User", "system:kube-scheduler"),
    (
        "system:kube-controller-manager",
        "system:kube-controller-manager",
        "User",
        "system:kube-controller-manager",
    ),
)


def objects() -> list[Object]:
    roles = [_role(name, [_rule(*rule) for rule in rules]) for name, rules in CLUSTER_ROLES]
    roles += [_role(name, [{"nonResourceURLs": list(paths), "verbs": ["get"]}]) for name, paths in PATH_ROLES]
    for role in roles:
        if role["metadata"]["name"] == "cluster-admin":
            role["rules"].append({"nonResourceURLs": ["*"], "verbs": ["*"]})
    return [*roles, *(_binding(*row) for row in CLUSTER_ROLE_BINDINGS)]


def _rule(verbs: str, groups: str, resources: str) -> Object:
    return {
        "apiGroups": groups.split(" "),
        "resources": sorted(resources.split()),
        "verbs": sorted(set(verbs.split())),
    }


def _role(name: str, rules: Iterable[Object]) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)},
        "rules": list(rules),
    }


def _binding(name: str, role: str, subject_kind: str, subject: str) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name, "labels": dict(_LABELS), "annotations": dict(_ANNOTATIONS)},
        "roleRef": {"apiGroup": GROUP, "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": GROUP, "kind": subject_kind, "name": subject}],
    }
