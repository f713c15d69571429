"""Rules of roles, bindings and certificate requests."""

import base64
import binascii
import re
from collections.abc import Iterable
from typing import Any

from kube.apiserver.kinds.validation.rules import Errors, label_selector, needed, one_of
from kube.apiserver.status import invalid_value, required

Object = dict[str, Any]

_SUBJECTS = ("Group", "ServiceAccount", "User")


def role(obj: Object, errors: Errors) -> None:
    _rules(errors, obj.get("rules") or (), namespaced=True)


def cluster_role(obj: Object, errors: Errors) -> None:
    _rules(errors, obj.get("rules") or (), namespaced=False)
    selectors = (obj.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
    for index, selector in enumerate(selectors):
        label_selector(errors, f"aggregationRule.clusterRoleSelectors[{index}]", selector)


def _rules(errors: Errors, rules: Iterable[Object], *, namespaced: bool) -> None:
    for index, rule in enumerate(rules):
        here = f"rules[{index}]"
        if not rule.get("verbs"):
            errors.append(required(f"{here}.verbs", "verbs must contain at least one value"))
        if rule.get("nonResourceURLs"):
            if namespaced:
                detail = "namespaced rules cannot apply to non-resource URLs"
                errors.append(invalid_value(f"{here}.nonResourceURLs", rule["nonResourceURLs"], detail))
            if any(rule.get(name) for name in ("apiGroups", "resources", "resourceNames")):
                detail = "rules cannot apply to both regular resources and non-resource URLs"
                errors.append(invalid_value(f"{here}.nonResourceURLs", rule["nonResourceURLs"], detail))
            continue
        if not rule.get("apiGroups"):
            detail = "resource rules must supply at least one api group"
            errors.append(required(f"{here}.apiGroups", detail))
        if not rule.get("resources"):
            detail = "resource rules must supply at least one resource"
            errors.append(required(f"{here}.resources", detail))


def role_binding(obj: Object, errors: Errors) -> None:
    reference = obj.get("roleRef") or {}
    one_of(errors, "roleRef.apiGroup", reference.get("apiGroup"), ("rbac.authorization.k8s.io",))
    kinds = ("ClusterRole",) if obj.get("kind") == "ClusterRoleBinding" else ("ClusterRole", "Role")
    one_of(errors, "roleRef.kind", reference.get("kind") or "", kinds)
    needed(errors, "roleRef.name", reference.get("name"))
    for index, subject in enumerate(obj.get("subjects") or ()):
        here = f"subjects[{index}]"
        needed(errors, f"{here}.name", subject.get("name"))
        one_of(errors, f"{here}.kind", subject.get("kind") or "", _SUBJECTS)
        alone = obj.get("kind") == "ClusterRoleBinding"
        if subject.get("kind") == "ServiceAccount" and alone and not subject.get("namespace"):
            errors.append(required(f"{here}.namespace"))


def role_binding_update(new: Object, old: Object, errors: Errors) -> None:
    if new.get("roleRef") != old.get("roleRef"):
        errors.append(invalid_value("roleRef", new.get("roleRef"), "cannot change roleRef"))


_SIGNER = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+/[A-Za-z0-9._/-]+")


def _is_request(text: str) -> bool:
    """Base64 of a PEM block of the right type; what is inside is the signer's business."""
    try:
        return b"-----BEGIN CERTIFICATE REQUEST-----" in base64.b64decode(text)
    except (binascii.Error, ValueError):
        return False


def signing_request(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    if needed(errors, "spec.request", spec.get("request")) and not _is_request(spec["request"]):
        detail = "PEM block type must be CERTIFICATE REQUEST"
        errors.append(invalid_value("spec.request", spec["request"], detail))
    needed(errors, "spec.usages", spec.get("usages"))
    name = spec.get("signerName") or ""
    if needed(errors, "spec.signerName", name) and not _SIGNER.fullmatch(name):
        detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
        errors.append(invalid_value("spec.signerName", name, detail))
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < 600:
        detail = "may not specify a duration less than 600 seconds (10 minutes)"
        errors.append(invalid_value("spec.expirationSeconds", seconds, detail))
