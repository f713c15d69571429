"""Rules of metadata, the same for all kinds."""

from collections.abc import Mapping, Sequence
from typing import Any

from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.names import NAME_RULES, label_errors, label_key_errors
from kube.apiserver.kinds.validation.rules import IMMUTABLE, Errors, label_map
from kube.apiserver.status import forbidden_value, invalid_value, required, too_long

Metadata = Mapping[str, Any]

ANNOTATIONS_MAX_BYTES = 256 * 1024
_STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_EVENT_TYPES = frozenset({("v1", "Event"), ("events.k8s.io/v1", "Event")})


def on_create(kind: Kind, metadata: Metadata) -> Errors:
    errors: Errors = []
    name = metadata.get("name") or ""
    rule = NAME_RULES[kind.name_rule]
    prefix = metadata.get("generateName")
    if prefix and kind.name_rule != "path":
        for sentence in rule(prefix[:-1] + "a" if prefix.endswith("-") else prefix):
            errors.append(invalid_value("metadata.generateName", prefix, sentence))
    if not name:
        errors.append(required("metadata.name", "name or generateName is required"))
    else:
        for sentence in rule(name):
            errors.append(invalid_value("metadata.name", name, sentence))
    if kind.namespaced:
        namespace = metadata.get("namespace") or ""
        if not namespace:
            errors.append(required("metadata.namespace"))
        for sentence in label_errors(namespace) if namespace else ():
            errors.append(invalid_value("metadata.namespace", namespace, sentence))
    common(metadata, errors)
    return errors


def on_update(kind: Kind, new: Metadata, old: Metadata) -> Errors:
    errors: Errors = []
    for field in ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp"):
        if new.get(field) != old.get(field):
            errors.append(invalid_value(f"metadata.{field}", new.get(field), IMMUTABLE))
    if new.get("deletionGracePeriodSeconds") != old.get("deletionGracePeriodSeconds"):
        value = new.get("deletionGracePeriodSeconds")
        errors.append(invalid_value("metadata.deletionGracePeriodSeconds", value, IMMUTABLE))
    if old.get("deletionTimestamp"):
        before = old.get("finalizers") or ()
        added = [name for name in new.get("finalizers") or () if name not in before]
        if added:
            listed = ", ".join(f'"{name}"' for name in sorted(added))
            detail = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{listed}}}"
            )
            errors.append(forbidden_value("metadata.finalizers", detail))
    common(new, errors)
    return errors


def common(metadata: Metadata, errors: Errors, field: str = "metadata") -> None:
    """The rules that hold on create and on update; `field` is where the metadata is."""
    label_map(errors, f"{field}.labels", metadata.get("labels"))
    annotations = metadata.get("annotations")
    if annotations:
        annotation_map(errors, f"{field}.annotations", annotations)
    references = metadata.get("ownerReferences")
    if references:
        _owner_references(errors, f"{field}.ownerReferences", references)
    finalizers = metadata.get("finalizers")
    if finalizers:
        _finalizers(errors, f"{field}.finalizers", finalizers)


def annotation_map(errors: Errors, field: str, annotations: Mapping[str, str]) -> None:
    size = 0
    for key, value in annotations.items():
        size += len(key) + len(value)
        for sentence in label_key_errors(key.lower()):
            errors.append(invalid_value(field, key, sentence))
    if size > ANNOTATIONS_MAX_BYTES:
        errors.append(too_long(field, ANNOTATIONS_MAX_BYTES))


def _owner_references(errors: Errors, field: str, references: Sequence[Mapping[str, Any]]) -> None:
    controllers = []
    for reference in references:
        version = str(reference.get("apiVersion") or "").rpartition("/")[2]
        if not version:
            value = reference.get("apiVersion") or ""
            errors.append(invalid_value(f"{field}.apiVersion", value, "version must not be empty"))
        for name in ("kind", "name", "uid"):
            if not reference.get(name):
                errors.append(
                    invalid_value(f"{field}.{name}", reference.get(name) or "", "must not be empty")
                )
        if (reference.get("apiVersion"), reference.get("kind")) in _EVENT_TYPES:
            kind = f"{reference.get('apiVersion')}, Kind=Event"
            errors.append(invalid_value(field, reference, f"{kind} is disallowed from being an owner"))
        if reference.get("controller"):
            controllers.append(reference.get("name"))
    if len(controllers) > 1:
        detail = (
            'Only one reference can have Controller set to true. Found "true" in references for '
            f"{controllers[0]} and {controllers[1]}"
        )
        errors.append(invalid_value(field, list(references), detail))


def _finalizers(errors: Errors, field: str, finalizers: Sequence[str]) -> None:
    for name in finalizers:
        for sentence in label_key_errors(name):
            errors.append(invalid_value(field, name, sentence))
        if "/" not in name and name not in _STANDARD_FINALIZERS:
            detail = "name is neither a standard finalizer name nor is it fully qualified"
            errors.append(invalid_value(field, name, detail))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        errors.append(invalid_value(field, list(finalizers), detail))
