"""Can the expressions of a schema be evaluated? What their fields may say, and what the compiler says."""

import re
from typing import Any

from kube.apiserver import status
from kube.apiserver.cel import CompileError
from kube.apiserver.customresources import rules
from kube.apiserver.customresources.definition.node import Errors, Node, below
from kube.apiserver.customresources.expressions import declared
from kube.apiserver.customresources.structural import Rule, Schema, parse

Object = dict[str, Any]
_WORD = "x-kubernetes-validations"
_REASONS = ("FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")
_PATH_STEP = re.compile(r"\.([A-Za-z_$][\w$-]*)|\['((?:[^'\\]|\\.)*)'\]")


def expressions(schema: Object, where: str, errors: Errors) -> None:
    """`schema` is structural."""
    _walk(Node(schema, where, "root"), errors, correlates=True)


def _walk(node: Node, errors: Errors, *, correlates: bool) -> None:
    """`correlates`: an old value can be found for each new one, so that rules may speak of oldSelf."""
    schema: Schema | None = None
    for index, raw in enumerate(node.schema.get(_WORD) or ()):
        schema = schema or parse(node.schema)
        _rule(
            raw,
            schema.rules[index],
            schema,
            node,
            f"{node.at(_WORD)}[{index}]",
            errors,
            correlates=correlates,
        )
    by_key = node.schema.get("x-kubernetes-list-type") == "map"
    atomic = node.schema.get("x-kubernetes-map-type") == "atomic"
    for part in below(node):
        inside = correlates and not atomic and (part.step[0] != "items" or by_key)
        _walk(part, errors, correlates=inside)


def _rule(
    raw: Object, rule: Rule, schema: Schema, node: Node, where: str, errors: Errors, *, correlates: bool
) -> None:
    before = len(errors)
    _texts(raw, rule, schema, where, errors)
    if len(errors) > before:
        return
    known = declared(schema, is_resource=node.level == "root" or schema.embedded)
    try:
        compiled = rules.compile_rule(rule, known)
    except CompileError as error:
        errors.append(status.invalid_value(f"{where}.rule", raw, f"compilation failed: {error}"))
        return
    if rule.message_expression:
        try:
            rules.compile_message(rule, known)
        except CompileError as error:
            detail = f"messageExpression compilation failed: {error}"
            errors.append(status.invalid_value(f"{where}.messageExpression", raw, detail))
    if compiled.uses_old and not correlates:
        detail = f"oldSelf cannot be used on the uncorrelatable portion of the schema within {node.where}"
        errors.append(status.invalid_value(f"{where}.rule", rule.rule, detail))
    elif rule.optional_old_self and not compiled.uses_old:
        detail = "may not be set if oldSelf is not used in rule"
        errors.append(status.invalid_value(f"{where}.optionalOldSelf", True, detail))


def _texts(raw: Object, rule: Rule, schema: Schema, where: str, errors: Errors) -> None:
    message = rule.message.strip()
    if not rule.rule.strip():
        errors.append(status.required(f"{where}.rule", "rule is not specified"))
    elif rule.message and not message:
        detail = "must be non-empty if specified"
        errors.append(status.invalid_value(f"{where}.message", rule.message, detail))
    elif "\n" in message:
        errors.append(status.invalid_value(f"{where}.message", rule.message, "must not contain line breaks"))
    elif "\n" in rule.rule.strip() and not message:
        detail = "message must be specified if rule contains line breaks"
        errors.append(status.required(f"{where}.message", detail))
    if rule.message_expression and not rule.message_expression.strip():
        detail = "messageExpression must be non-empty if specified"
        errors.append(status.required(f"{where}.messageExpression", detail))
    if raw.get("reason") is not None and rule.reason not in _REASONS:
        errors.append(status.not_supported(f"{where}.reason", rule.reason, _REASONS))
    if rule.field_path:
        _field_path(rule.field_path, schema, f"{where}.fieldPath", errors)


def _field_path(path: str, schema: Schema, where: str, errors: Errors) -> None:
    if not path.strip():
        errors.append(status.invalid_value(where, path, "must be non-empty if specified"))
    elif "\n" in path:
        errors.append(status.invalid_value(where, path, "must not contain line breaks"))
    elif not _leads_somewhere(path, schema):
        errors.append(status.invalid_value(where, path, "must be a valid path"))


def _leads_somewhere(path: str, schema: Schema) -> bool:
    """A path of names from the node on, to a field that its schema has."""
    at, place = 0, schema
    while at < len(path):
        found = _PATH_STEP.match(path, at)
        if found is None:
            return False
        part = place.properties.get(found[1] or re.sub(r"\\(.)", r"\1", found[2] or "")) or place.additional
        if part is None:
            return False
        place, at = part, found.end()
    return True
