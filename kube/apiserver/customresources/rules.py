"""x-kubernetes-validations: expressions in a schema that must be true of the values (KEP-2876)."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from kube.apiserver import status
from kube.apiserver.cel import Budget, CelError, CompileError, Environment, OutOfBudget, Program, compiled
from kube.apiserver.cel.syntax import Ident, Node
from kube.apiserver.cel.types import BOOL, DYN, STRING, optional_of
from kube.apiserver.cel.values import NONE, Optional
from kube.apiserver.customresources.expressions import Seen, declared, seen
from kube.apiserver.customresources.structural import ABSENT, Rule, Schema
from kube.apiserver.customresources.values import item_key, same
from kube.apiserver.status import FieldError

_RULE_STEPS = 1_000_000  # of one expression, as kube-apiserver's limit a call
_OBJECT_STEPS = 10_000_000  # of all expressions on one object

# --- compiled rules


class CompiledRule(NamedTuple):
    rule: Rule
    program: Program
    uses_old: bool
    message: Program | None


def mentions(node: Any, name: str) -> bool:
    """Whether the variable occurs in the tree (also where a macro's variable hides it)."""
    if isinstance(node, Ident):
        return node.name == name
    return isinstance(node, tuple) and any(mentions(part, name) for part in node)


def uses_old_self(text: str) -> bool:
    """Raises CompileError."""
    from kube.apiserver.cel.parser import parse

    node: Node = parse(text)
    return mentions(node, "oldSelf")


def compile_rule(rule: Rule, known: Seen) -> CompiledRule:
    """Raises CompileError; a message's expression that is wrong counts as none."""
    environment = _environment(rule, known)
    checked = compiled(rule.rule, environment)
    if checked.type not in (BOOL, DYN):
        raise CompileError(rule.rule, 0, "cel expression must evaluate to a bool")
    message = None
    if rule.message_expression.strip():
        try:
            message = compile_message(rule, known)
        except CompileError:
            message = None
    return CompiledRule(rule, checked.program, uses_old_self(rule.rule), message)


def compile_message(rule: Rule, known: Seen) -> Program:
    """Raises CompileError."""
    checked = compiled(rule.message_expression, _environment(rule, known))
    if checked.type not in (STRING, DYN):
        raise CompileError(rule.message_expression, 0, "messageExpression must evaluate to a string")
    return checked.program


def _environment(rule: Rule, known: Seen) -> Environment:
    old = optional_of(known.type) if rule.optional_old_self else known.type
    return Environment({"self": known.type, "oldSelf": old}, known.records)


@lru_cache(2048)
def _compiled(holder: "_Holder") -> tuple[CompiledRule | CompileError, ...]:
    known = declared(holder.schema, is_resource=holder.is_resource)
    found: list[CompiledRule | CompileError] = []
    for rule in holder.schema.rules:
        try:
            found.append(compile_rule(rule, known))
        except CompileError as error:
            found.append(error)
    return tuple(found)


class _Holder:
    """A schema as a key: by identity, as schemas are not hashable and are kept by their version."""

    __slots__ = ("is_resource", "schema")

    def __init__(self, schema: Schema, is_resource: bool) -> None:
        self.schema = schema
        self.is_resource = is_resource

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Holder) and self.schema is other.schema

    def __hash__(self) -> int:
        return id(self.schema)


# --- evaluation


def validate(value: Any, schema: Schema, old: Any = ABSENT) -> list[FieldError]:
    """What the rules of the whole schema say of an object that fits its types; `old` is what is stored."""
    if not schema.has_rules:
        return []
    return list(_Walk(Budget(_OBJECT_STEPS)).walk(value, schema, old, "", is_root=True))


class _Walk:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._ended = False

    def walk(
        self, value: Any, schema: Schema, old: Any, path: str, *, is_root: bool = False
    ) -> Iterator[FieldError]:
        if not schema.has_rules or value is None or self._ended:
            return
        if schema.rules:
            yield from self._judge(value, schema, old, path, is_resource=is_root or schema.embedded)
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for name, item in value.items():
                part = schema.properties.get(name)
                where = f"{path}.{name}" if path else name
                if part is None and schema.additional is not None:
                    part, where = schema.additional, f"{path}[{name}]"
                if part is not None:
                    yield from self.walk(item, part, before.get(name, ABSENT), where)
        elif isinstance(value, list) and schema.items is not None:
            before_by_key = {}
            if schema.list_type == "map" and isinstance(old, list):
                before_by_key = {item_key(item, schema): item for item in old}
            for index, item in enumerate(value):
                was = before_by_key.get(item_key(item, schema), ABSENT) if before_by_key else ABSENT
                yield from self.walk(item, schema.items, was, f"{path}[{index}]")

    def _judge(
        self, value: Any, schema: Schema, old: Any, path: str, *, is_resource: bool
    ) -> Iterator[FieldError]:
        unchanged = old is not ABSENT and same(value, old)
        holder = _Holder(schema, is_resource)
        try:
            self_value = seen(value, schema, is_resource=is_resource)
            old_value = ABSENT if old is ABSENT or old is None else seen(old, schema, is_resource=is_resource)
        except CelError as error:
            yield status.invalid_value(path, schema.type, f"{error}")
            return
        for rule in _compiled(holder):
            if self._ended:
                return
            if isinstance(rule, CompileError):
                yield status.invalid_value(
                    path, schema.type, f"rule compile error: compilation failed: {rule}"
                )
                continue
            if unchanged and not rule.uses_old:
                continue  # KEP-4008: what was stored under older rules may stay
            if rule.uses_old and old_value is ABSENT and not rule.rule.optional_old_self:
                continue
            fault = self._fault(rule, value, schema, path, self_value, old_value)
            if fault is not None:
                yield fault

    def _fault(
        self,
        compiled_rule: CompiledRule,
        value: Any,
        schema: Schema,
        path: str,
        self_value: Any,
        old_value: Any,
    ) -> FieldError | None:
        rule = compiled_rule.rule
        if rule.optional_old_self:
            old_value = NONE if old_value is ABSENT else Optional(old_value)
        variables = {"self": self_value, "oldSelf": old_value}
        shown = rule.rule.strip()
        try:
            if self._run(compiled_rule.program, variables) is True:
                return None
        except OutOfBudget as error:
            self._ended = True
            detail = f"'{error}': no further validation rules will be run due to call cost exceeds limit for rule: {shown}"
            return status.invalid_value(path, schema.type, detail)
        except CelError as error:
            detail = f"{error} evaluating rule: {shown}"
            if str(error).startswith("no such overload"):
                detail = (
                    f"'{error}': call arguments did not match a supported operator, function or macro signature for "
                    f"rule: {shown}"
                )
            return status.invalid_value(path, schema.type, detail)
        where = (
            f"{path}{_normal_path(rule.field_path)}"
            if path
            else _normal_path(rule.field_path).removeprefix(".")
        )
        shown_value = status.OMITTED if schema.type in ("object", "array") else value
        return _by_reason(rule.reason, where, shown_value, self._message(compiled_rule, variables))

    def _run(self, program: Program, variables: Mapping[str, Any]) -> Any:
        before = self._budget.left
        budget = Budget(min(_RULE_STEPS, before))
        try:
            return program.evaluate(variables, budget)
        finally:
            self._budget.left -= min(_RULE_STEPS, before) - budget.left

    def _message(self, compiled_rule: CompiledRule, variables: Mapping[str, Any]) -> str:
        rule = compiled_rule.rule
        if compiled_rule.message is not None:
            try:
                text = self._run(compiled_rule.message, variables)
            except CelError:
                text = None
            if isinstance(text, str) and text.strip() and "\n" not in text.strip():
                return text.strip()
        return rule.message.strip() or f"failed rule: {rule.rule.strip()}"


def _normal_path(path: str) -> str:
    """`.a['b c']` as messages name it: `.a[b c]`; names that could stand behind a dot do."""
    return re.sub(r"\['((?:[^'\\]|\\.)*)'\]", lambda found: _named(found[1]), path)


def _named(name: str) -> str:
    plain = re.sub(r"\\(.)", r"\1", name)
    return f".{plain}"


def _by_reason(reason: str, where: str, value: Any, detail: str) -> FieldError:
    match reason:
        case "FieldValueForbidden":
            return status.forbidden_value(where, detail)
        case "FieldValueRequired":
            return status.required(where, detail)
        case "FieldValueDuplicate":
            return status.duplicate(where, value)
        case _:
            return status.invalid_value(where, value, detail)
