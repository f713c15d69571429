"""May a CustomResourceDefinition be stored? The rules of its spec but for the schemas; sentences of the server."""

from collections.abc import Sequence
from typing import Any

from kube.apiserver import status
from kube.apiserver.customresources.definition import schema_rules
from kube.apiserver.customresources.jsonpath import BadPath, parse
from kube.apiserver.customresources.naming import ESTABLISHED, has_condition, is_protected
from kube.apiserver.kinds.names import rfc1035_label_errors, subdomain_errors
from kube.apiserver.status import FieldError

Object = dict[str, Any]
Errors = list[FieldError]

_APPROVAL = "api-approved.kubernetes.io"
_COLUMN_TYPES = ("boolean", "date", "integer", "number", "string")
_COLUMN_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_MAX_SELECTABLE = 8


def definition(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    names = spec.get("names") or {}
    metadata = obj.get("metadata") or {}
    if metadata.get("name") != f"{names.get('plural') or ''}.{spec.get('group') or ''}":
        sentence = 'must be spec.names.plural+"."+spec.group'
        errors.append(status.invalid_value("metadata.name", metadata.get("name"), sentence))
    _group(spec.get("group") or "", metadata, errors)
    _scope(spec.get("scope") or "", errors)
    _names(names, errors)
    versions = spec.get("versions") or ()
    for index, version in enumerate(versions):
        _version(version, f"spec.versions[{index}]", errors)
    _versions(versions, errors)
    _conversion(spec.get("conversion") or {}, errors)
    if spec.get("preserveUnknownFields"):
        detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"
        errors.append(status.invalid_value("spec.preserveUnknownFields", True, detail))
    definition_status(obj, errors)


def definition_status(obj: Object, errors: Errors) -> None:
    """A version stays in mind until a migration says that nothing is stored in it."""
    stored = (obj.get("status") or {}).get("storedVersions") or ()
    _stored_versions(stored, (obj.get("spec") or {}).get("versions") or (), errors)


def definition_update(new: Object, old: Object, errors: Errors) -> None:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    fixed = [("group",), ("names", "plural")]
    if has_condition(old, ESTABLISHED):
        fixed += [("scope",), ("names", "kind")]
    for path in fixed:
        value, was = _at(spec, path), _at(before, path)
        if value != was:
            errors.append(status.invalid_value(".".join(("spec", *path)), value, "field is immutable"))


def _at(value: Any, path: Sequence[str]) -> Any:
    for name in path:
        value = (value or {}).get(name)
    return value


def _group(group: str, metadata: Object, errors: Errors) -> None:
    faults = subdomain_errors(group) if group else []
    if not group:
        errors.append(status.required("spec.group"))
    elif faults:
        errors.append(status.invalid_value("spec.group", group, ",".join(faults)))
    elif "." not in group:
        errors.append(status.invalid_value("spec.group", group, "should be a domain with at least one dot"))
    approval = (metadata.get("annotations") or {}).get(_APPROVAL, "")
    field = f"metadata.annotations[{_APPROVAL}]"
    if is_protected(group) and not approval:
        detail = f'protected groups must have approval annotation "{_APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111'
        errors.append(status.required(field, detail))
    elif is_protected(group) and not approval.startswith(("https://", "unapproved")):
        detail = 'protected groups must have approval annotation with either a URL or a reason starting with "unapproved"'
        errors.append(status.invalid_value(field, approval, detail))


def _scope(scope: str, errors: Errors) -> None:
    if not scope:
        errors.append(status.required("spec.scope"))
    elif scope not in ("Cluster", "Namespaced"):
        errors.append(status.not_supported("spec.scope", scope, ("Cluster", "Namespaced")))


def _names(names: Object, errors: Errors) -> None:
    for field in ("plural", "singular", "kind", "listKind"):
        where, name = f"spec.names.{field}", names.get(field) or ""
        is_kind = field in ("kind", "listKind")
        faults = rfc1035_label_errors(name.lower() if is_kind else name) if name else []
        if not name:
            errors.append(status.required(where))
        elif faults:
            prefix = "may have mixed case, but should otherwise match: " if is_kind else ""
            errors.append(status.invalid_value(where, name, prefix + ",".join(faults)))
    for field in ("shortNames", "categories"):
        for index, name in enumerate(names.get(field) or ()):
            faults = rfc1035_label_errors(name)
            if faults:
                where = f"spec.names.{field}[{index}]"
                errors.append(status.invalid_value(where, name, ",".join(faults)))
    if names.get("kind") and names.get("kind") == names.get("listKind"):
        detail = "kind and listKind may not be the same"
        errors.append(status.invalid_value("spec.names.listKind", names["listKind"], detail))


def _versions(versions: Sequence[Object], errors: Errors) -> None:
    names = [version.get("name") for version in versions]
    if len(set(names)) < len(names):
        detail = "must contain unique version names"
        errors.append(status.invalid_value("spec.versions", list(versions), detail))
    if sum(bool(version.get("storage")) for version in versions) != 1:
        detail = "must have exactly one version marked as storage version"
        errors.append(status.invalid_value("spec.versions", list(versions), detail))


def _version(version: Object, where: str, errors: Errors) -> None:
    name = version.get("name") or ""
    faults = rfc1035_label_errors(name)
    if faults:
        errors.append(status.invalid_value(f"{where}.name", name, ",".join(faults)))
    warning = version.get("deprecationWarning")
    if warning is not None:
        _deprecation_warning(
            warning, f"{where}.deprecationWarning", errors, deprecated=bool(version.get("deprecated"))
        )
    subresources = version.get("subresources") or {}
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        errors.append(status.required(f"{where}.schema.openAPIV3Schema", "schemas are required"))
    else:
        schema_rules.root(
            schema, f"{where}.schema.openAPIV3Schema", errors, has_status="status" in subresources
        )
    if subresources.get("scale") is not None:
        _scale(subresources["scale"], f"{where}.subresources.scale", errors)
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        _column(column, f"{where}.additionalPrinterColumns[{index}]", errors)
    _selectable(version.get("selectableFields") or (), schema or {}, f"{where}.selectableFields", errors)


def _deprecation_warning(warning: str, where: str, errors: Errors, *, deprecated: bool) -> None:
    if not deprecated:
        detail = "can only be set for deprecated versions"
        errors.append(status.invalid_value(where, warning, detail))
    elif not warning:
        errors.append(status.invalid_value(where, warning, "must not be an empty string"))
    elif len(warning.encode()) > 256:
        detail = "must be <= 256 UTF-8 encoded bytes"
        errors.append(status.invalid_value(where, warning, detail))
    elif not warning.isprintable():
        errors.append(status.invalid_value(where, warning, "must only contain printable UTF-8 characters"))


def _simple_path(path: str, where: str, errors: Errors) -> bool:
    if not path:
        errors.append(status.required(where))
    elif not path.startswith("."):
        errors.append(status.invalid_value(where, path, "must be a simple json path starting with ."))
    else:
        return True
    return False


def _scale(scale: Object, where: str, errors: Errors) -> None:
    for field, roots, named in (
        ("specReplicasPath", (".spec.",), ".spec"),
        ("statusReplicasPath", (".status.",), ".status"),
        ("labelSelectorPath", (".spec.", ".status."), "either .spec or .status"),
    ):
        path = scale.get(field) or ""
        if field == "labelSelectorPath" and not path:
            continue
        here = f"{where}.{field}"
        if _simple_path(path, here, errors) and not path.startswith(roots):
            errors.append(status.invalid_value(here, path, f"should be a json path under {named}"))


def _column(column: Object, where: str, errors: Errors) -> None:
    if not column.get("name"):
        errors.append(status.required(f"{where}.name"))
    kind, form = column.get("type") or "", column.get("format") or ""
    types = f"must be one of {','.join(_COLUMN_TYPES)}"
    if not kind:
        errors.append(status.required(f"{where}.type", types))
    elif kind not in _COLUMN_TYPES:
        errors.append(status.invalid_value(f"{where}.type", kind, types))
    if form and form not in _COLUMN_FORMATS:
        formats = f"must be one of {','.join(_COLUMN_FORMATS)}"
        errors.append(status.invalid_value(f"{where}.format", form, formats))
    path = column.get("jsonPath") or ""
    if _simple_path(path, f"{where}.jsonPath", errors):
        try:
            parse(path)
        except BadPath as error:
            errors.append(status.invalid_value(f"{where}.jsonPath", path, str(error)))


def _selectable(rows: Sequence[Object], schema: Object, where: str, errors: Errors) -> None:
    if len(rows) > _MAX_SELECTABLE:
        errors.append(status.too_many(where, len(rows), _MAX_SELECTABLE))
    seen: set[str] = set()
    for index, row in enumerate(rows):
        here, path = f"{where}[{index}].jsonPath", row.get("jsonPath") or ""
        if not _simple_path(path, here, errors):
            continue
        if path in seen:
            errors.append(status.duplicate(here, path))
        seen.add(path)
        if path.startswith(".metadata"):
            errors.append(status.invalid_value(here, path, "must not point to fields in metadata"))
            continue
        found: Any = schema
        for name in path[1:].split("."):
            found = (found.get("properties") or {}).get(name) if isinstance(found, dict) else None
        if found is None:
            errors.append(
                status.invalid_value(here, path, "is an invalid path: does not refer to a valid field")
            )
        elif found.get("type") not in ("string", "boolean", "integer"):
            detail = "is an invalid path: must point to a field of type string, boolean or integer"
            errors.append(status.invalid_value(here, path, detail))


def _conversion(conversion: Object, errors: Errors) -> None:
    strategy, webhook = conversion.get("strategy") or "", conversion.get("webhook")
    if not strategy:
        errors.append(status.required("spec.conversion.strategy"))
    elif strategy not in ("None", "Webhook"):
        errors.append(status.not_supported("spec.conversion.strategy", strategy, ("None", "Webhook")))
    if strategy == "None" and webhook is not None:
        detail = "should not be set when strategy is not set to Webhook"
        errors.append(status.forbidden_value("spec.conversion.webhook", detail))
    if strategy != "Webhook":
        return
    if webhook is None or not webhook.get("clientConfig"):
        detail = "required when strategy is set to Webhook"
        errors.append(status.required("spec.conversion.webhook.clientConfig", detail))
    if not (webhook or {}).get("conversionReviewVersions"):
        errors.append(status.required("spec.conversion.webhook.conversionReviewVersions"))


def _stored_versions(stored: Sequence[str], versions: Sequence[Object], errors: Errors) -> None:
    names = {version.get("name") for version in versions}
    where = "status.storedVersions"
    for index, name in enumerate(stored):
        if name not in names:
            detail = (
                f"missing from spec.versions; {name} was previously a storage version, and must remain in "
                f"spec.versions until a storage migration ensures no data remains persisted in {name} and removes "
                f"{name} from status.storedVersions"
            )
            errors.append(status.invalid_value(f"{where}[{index}]", name, detail))
    kept = [version.get("name") for version in versions if version.get("storage")]
    if stored and kept and kept[0] not in stored:
        detail = f"must have the storage version {kept[0]}"
        errors.append(status.invalid_value(where, list(stored), detail))
