"""The default roles and bindings as objects."""

from collections.abc import Iterable, Mapping
from typing import Any

from kube.apiserver.kinds.bootstrap.controller_roles import CONTROLLERS
from kube.apiserver.kinds.bootstrap.roles import (
    AGGREGATED,
    BINDINGS,
    CLUSTER_ROLES,
    NAMESPACE_ROLES,
    NODE,
    PATH_ROLES,
)

Object = dict[str, Any]

GROUP = "rbac.authorization.k8s.io"
AUTOUPDATE = "rbac.authorization.kubernetes.io/autoupdate"
_AGGREGATE_TO = f"{GROUP}/aggregate-to-"
_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}


def rule(text: str) -> Object:
    """`get list: core apps: pods deployments[: names]` as a PolicyRule."""
    verbs, groups, resources, *names = text.split(": ")
    made: Object = {
        "apiGroups": ["" if group == "core" else group for group in groups.split()],
        "resources": resources.split(),
        "verbs": verbs.split(),
    }
    if names:
        made["resourceNames"] = names[0].split()
    return made


def _rules(texts: Iterable[str]) -> list[Object]:
    return [rule(text) for text in texts]


NODE_RULES = tuple(_rules(NODE))


def objects() -> list[Object]:
    """Roles before bindings."""
    roles = {name: _cluster_role(name, _rules(rules)) for name, rules in CLUSTER_ROLES.items()}
    roles["cluster-admin"]["rules"].append({"nonResourceURLs": ["*"], "verbs": ["*"]})
    for name, paths in PATH_ROLES.items():
        made = roles.setdefault(name, _cluster_role(name, []))
        made["rules"].append({"nonResourceURLs": list(paths), "verbs": ["get"]})
    for name, parts in AGGREGATED.items():
        roles[name] = _aggregated(name, [roles[part] for part in parts])
    for name, rules in CONTROLLERS.items():
        role = f"system:controller:{name}"
        roles[role] = _cluster_role(role, _rules(rules))
    bindings = [
        _binding("ClusterRoleBinding", name, "ClusterRole", name, map(_subject, subjects))
        for name, subjects in BINDINGS.items()
    ]
    for name in CONTROLLERS:
        role, account = f"system:controller:{name}", _subject(f"ServiceAccount kube-system/{name}")
        bindings.append(_binding("ClusterRoleBinding", role, "ClusterRole", role, [account]))
    return [*roles.values(), *_namespace_roles(), *bindings, *_namespace_bindings()]


def _namespace_roles() -> list[Object]:
    made = []
    for (namespace, name), (rules, _) in NAMESPACE_ROLES.items():
        role = {**_head("Role", name), "rules": _rules(rules)}
        role["metadata"]["namespace"] = namespace
        made.append(role)
    return made


def _namespace_bindings() -> list[Object]:
    made = []
    for (namespace, name), (_, subjects) in NAMESPACE_ROLES.items():
        title = name if name.startswith("system:") else f"system::{name}"
        binding = _binding("RoleBinding", title, "Role", name, map(_subject, subjects))
        binding["metadata"]["namespace"] = namespace
        made.append(binding)
    return made


def _aggregated(name: str, parts: Iterable[Object]) -> Object:
    """With the rules it will have, so that it is of use before the controller that keeps them has run."""
    label = f"{_AGGREGATE_TO}{name}"
    rules: list[Object] = []
    for part in sorted(parts, key=lambda role: str(role["metadata"]["name"])):
        part["metadata"]["labels"][label] = "true"
        rules += [each for each in part["rules"] if each not in rules]
    return {
        **_cluster_role(name, rules),
        "aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {label: "true"}}]},
    }


def _head(kind: str, name: str) -> Object:
    metadata: Mapping[str, Any] = {"name": name, "labels": dict(_LABELS), "annotations": {AUTOUPDATE: "true"}}
    return {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": metadata}


def _cluster_role(name: str, rules: list[Object]) -> Object:
    return {**_head("ClusterRole", name), "rules": rules}


def _subject(text: str) -> Object:
    kind, name = text.split(" ")
    if kind == "ServiceAccount":
        namespace, _, name = name.partition("/")
        return {"kind": kind, "name": name, "namespace": namespace}
    return {"apiGroup": GROUP, "kind": kind, "name": name}


def _binding(kind: str, name: str, role_kind: str, role: str, subjects: Iterable[Object]) -> Object:
    made = {
        **_head(kind, name),
        "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role},
    }
    listed = list(subjects)
    return {**made, "subjects": listed} if listed else made
