"""Objects within objects (x-kubernetes-embedded-resource), and the metadata of custom resources themselves."""

from collections.abc import Mapping
from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources.structural import Schema
from kube.apiserver.kinds.names import label_errors, path_segment_errors, rfc1035_label_errors
from kube.apiserver.kinds.schema.compiled import Findings, struct_reader
from kube.apiserver.kinds.validation.metadata import common as metadata_errors
from kube.apiserver.status import FieldError

Object = dict[str, Any]
_METADATA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def read_root(obj: Object, findings: Findings) -> None:
    """Reads an object's metadata as the server's decoder does, in place: what is unknown goes and is told."""
    if "metadata" in obj:
        _read_one(obj, "", findings)


def read_below(obj: Object, schema: Schema, findings: Findings) -> None:
    """The same for the objects embedded in it."""
    for name, item in obj.items():
        part = schema.properties.get(name)
        if part is not None and name != "metadata":
            _read(item, part, name, findings, is_resource=part.embedded)


def _read(value: Any, schema: Schema, path: str, findings: Findings, *, is_resource: bool) -> None:
    inside = path + "." if path else ""
    if isinstance(value, dict):
        if is_resource and "metadata" in value:
            _read_one(value, inside, findings)
        for name, item in value.items():
            part = schema.properties.get(name) or schema.additional
            if part is not None and not (is_resource and name == "metadata"):
                _read(item, part, inside + name, findings, is_resource=part.embedded)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            _read(item, schema.items, f"{path}[{index}]", findings, is_resource=schema.items.embedded)


def _read_one(value: Object, inside: str, findings: Findings) -> None:
    metadata = value["metadata"]
    if metadata is None:
        del value["metadata"]
    elif isinstance(metadata, dict):
        here = inside + "metadata."
        struct_reader(_METADATA).walk(metadata, here, here, findings)
    elif not findings.error:
        findings.error = f"{inside}metadata: expected object, but got {type(metadata).__name__}"


def validate(value: Any, schema: Schema, path: str = "") -> list[FieldError]:
    """What is wrong with embedded objects; the root is judged elsewhere."""
    errors: list[FieldError] = []
    _walk(value, schema, path, errors)
    return errors


def _walk(value: Any, schema: Schema, path: str, errors: list[FieldError]) -> None:
    inside = path + "." if path else ""
    if isinstance(value, dict):
        if schema.embedded:
            _judge(value, inside, errors)
        for name, item in value.items():
            part = schema.properties.get(name) or schema.additional
            if part is not None:
                _walk(item, part, inside + name, errors)
    elif isinstance(value, list) and schema.items is not None:
        for index, item in enumerate(value):
            _walk(item, schema.items, f"{path}[{index}]", errors)


def _judge(value: Mapping[str, Any], inside: str, errors: list[FieldError]) -> None:
    for name in ("apiVersion", "kind"):
        text = value.get(name)
        if text is None:
            errors.append(status.required(inside + name, "must not be empty"))
        elif not isinstance(text, str):
            errors.append(status.invalid_value(inside + name, text, "must be a string"))
        elif not text:
            errors.append(status.invalid_value(inside + name, text, "must not be empty"))
        elif name == "apiVersion" and text.count("/") > 1:
            errors.append(
                status.invalid_value(inside + name, text, f"unexpected GroupVersion string: {text}")
            )
        elif name == "kind":
            for sentence in rfc1035_label_errors(text.lower()):
                detail = f"may have mixed case, but should otherwise match: {sentence}"
                errors.append(status.invalid_value(inside + name, text, detail))
    metadata = value.get("metadata")
    if isinstance(metadata, dict):
        _judge_metadata(metadata, inside + "metadata", errors)


def _judge_metadata(metadata: Mapping[str, Any], field: str, errors: list[FieldError]) -> None:
    name, namespace = metadata.get("name"), metadata.get("namespace")
    for part, value, faults in (("name", name, path_segment_errors), ("namespace", namespace, label_errors)):
        if value:
            errors.extend(status.invalid_value(f"{field}.{part}", value, fault) for fault in faults(value))
    metadata_errors(metadata, errors, field)
