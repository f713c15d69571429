"""Defaults of the smaller kinds."""

from typing import Any

from kube.apiserver.kinds.defaults.pods import default_template

Object = dict[str, Any]

RBAC_GROUP = "rbac.authorization.k8s.io"


def default_pod_template(obj: Object) -> None:
    if "template" in obj:
        default_template(obj["template"])


def default_namespace(obj: Object) -> None:
    """The label lets selectors name a namespace; the finalizer holds it until its contents are gone."""
    metadata = obj.setdefault("metadata", {})
    if metadata.get("name"):
        labels = metadata.get("labels") or {}
        metadata["labels"] = labels
        labels["kubernetes.io/metadata.name"] = metadata["name"]
    obj.setdefault("status", {}).setdefault("phase", "Active")


def default_node(obj: Object) -> None:
    """All of the capacity is allocatable unless the node says otherwise."""
    obj.setdefault("spec", {})
    status = obj.setdefault("status", {})
    if status.get("capacity"):
        allocatable = status.setdefault("allocatable", {})
        for name, amount in status["capacity"].items():
            allocatable.setdefault(name, amount)


def default_secret(obj: Object) -> None:
    if not obj.get("type"):
        obj["type"] = "Opaque"


def default_limit_range(obj: Object) -> None:
    """What a container may take at most is what it takes; what it takes, or must take at least, it asks for."""
    for item in (obj.get("spec") or {}).get("limits") or ():
        if item.get("type") != "Container":
            continue
        limits = {**(item.get("max") or {}), **(item.get("default") or {})}
        requests = {**(item.get("min") or {}), **limits, **(item.get("defaultRequest") or {})}
        for name, filled in (("default", limits), ("defaultRequest", requests)):
            if filled:
                item[name] = filled


def default_priority_class(obj: Object) -> None:
    obj.setdefault("preemptionPolicy", "PreemptLowerPriority")


def default_role_binding(obj: Object) -> None:
    reference = obj.setdefault("roleRef", {})
    reference["apiGroup"] = reference.get("apiGroup") or RBAC_GROUP
    for subject in obj.get("subjects") or ():
        if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
            subject["apiGroup"] = RBAC_GROUP


def default_api_service(obj: Object) -> None:
    service = (obj.get("spec") or {}).get("service")
    if service:
        service.setdefault("port", 443)


def default_custom_resource_definition(obj: Object) -> None:
    spec = obj.setdefault("spec", {})
    names = spec.setdefault("names", {})
    if names.get("kind"):
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", names["kind"] + "List")
    spec.setdefault("conversion", {}).setdefault("strategy", "None")


def default_webhooks(obj: Object) -> None:
    for webhook in obj.get("webhooks") or ():
        for name, value in (("failurePolicy", "Fail"), ("matchPolicy", "Equivalent"), ("timeoutSeconds", 10)):
            webhook.setdefault(name, value)
        webhook.setdefault("namespaceSelector", {})
        webhook.setdefault("objectSelector", {})
        if obj.get("kind") == "MutatingWebhookConfiguration":
            webhook.setdefault("reinvocationPolicy", "Never")
        for rule in webhook.get("rules") or ():
            rule.setdefault("scope", "*")
        service = (webhook.get("clientConfig") or {}).get("service")
        if service is not None:
            service.setdefault("port", 443)
