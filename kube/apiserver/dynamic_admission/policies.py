"""ValidatingAdmissionPolicy and MutatingAdmissionPolicy as values, compiled when first asked about."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from kube.apiserver.cel import Budget, Checked, CompileError
from kube.apiserver.cel.types import BOOL, DYN, NULL, STRING, Type, list_of
from kube.apiserver.cel.values import MessageValue
from kube.apiserver.kinds import expressions
from kube.apiserver.kinds.expressions import Condition, Lazy, evaluated

Object = dict[str, Any]
Compiled = Checked | CompileError


class Part(NamedTuple):
    """An expression of a policy: a variable, a validation, a message, a mutation."""

    name: str
    text: str
    program: Compiled


class Validation(NamedTuple):
    check: Part
    message: str
    reason: str
    message_part: Part | None


class Mutation(NamedTuple):
    """`patch_type` is ApplyConfiguration or JSONPatch."""

    patch_type: str
    part: Part


class Policy(NamedTuple):
    name: str
    match: Object
    param_kind: Object | None
    conditions: tuple[Condition, ...]
    variables: tuple[Part, ...]
    validations: tuple[Validation, ...]
    mutations: tuple[Mutation, ...]
    annotations: tuple[Part, ...]
    fails_open: bool
    reinvoked: bool


class Binding(NamedTuple):
    name: str
    policy: str
    match: Object
    param_ref: Object | None
    actions: tuple[str, ...]


def part(name: str, text: str, known: Any, *wanted: Type) -> Part:
    try:
        return Part(name, text.strip(), expressions.compiled_as(text, known, *wanted))
    except CompileError as error:
        return Part(name, text.strip(), error)


def read(obj: Object, *, mutating: bool) -> Policy:
    """A stored policy; what does not compile fails when it is used, as its failurePolicy says."""
    spec = obj["spec"]
    has_params = bool(spec.get("paramKind"))
    types: dict[str, Type] = {}
    variables = []
    for row in spec.get("variables") or ():
        known = expressions.environment(params=has_params, variables=types, messages=mutating)
        found = part(row["name"], row["expression"], known)
        variables.append(found)
        types[row["name"]] = found.program.type if isinstance(found.program, Checked) else DYN
    known = expressions.environment(params=has_params, variables=types, messages=mutating)
    bare = expressions.environment(params=has_params)
    return Policy(
        name=obj["metadata"]["name"],
        match=spec.get("matchConstraints") or {},
        param_kind=spec.get("paramKind"),
        conditions=expressions.conditions(spec.get("matchConditions") or (), bare),
        variables=tuple(variables),
        validations=tuple(_validation(row, known) for row in spec.get("validations") or ()),
        mutations=tuple(_mutation(row, known) for row in spec.get("mutations") or ()),
        annotations=tuple(
            part(row["key"], row["valueExpression"], known, STRING, NULL)
            for row in spec.get("auditAnnotations") or ()
        ),
        fails_open=spec.get("failurePolicy") == "Ignore",
        reinvoked=spec.get("reinvocationPolicy") == "IfNeeded",
    )


def _validation(row: Object, known: Any) -> Validation:
    text = row.get("messageExpression") or ""
    return Validation(
        part("", row["expression"], known, BOOL),
        row.get("message") or "",
        row.get("reason") or "",
        part("", text, known, STRING) if text.strip() else None,
    )


def _mutation(row: Object, known: Any) -> Mutation:
    kind = row["patchType"]
    if kind == "JSONPatch":
        text = (row.get("jsonPatch") or {}).get("expression") or ""
        return Mutation(kind, part("", text, known, list_of(Type("JSONPatch")), list_of(DYN)))
    text = (row.get("applyConfiguration") or {}).get("expression") or ""
    return Mutation(kind, part("", text, known, Type("Object")))


def read_binding(obj: Object) -> Binding:
    spec = obj["spec"]
    return Binding(
        obj["metadata"]["name"],
        spec["policyName"],
        spec.get("matchResources") or {},
        spec.get("paramRef"),
        tuple(spec.get("validationActions") or ()),
    )


def scope(policy: Policy, known: Mapping[str, Any], budget: Budget) -> dict[str, Any]:
    """The variables of an evaluation, the policy's own among them."""
    found = dict(known)

    def make(row: Part) -> Callable[[], Any]:
        return lambda: evaluated(row.program, row.text, found, budget)

    found["variables"] = Lazy({row.name: make(row) for row in policy.variables})
    return found


class BadMutation(Exception):
    """What a mutation's expression gives is no patch of the object."""


def operations(value: Any) -> list[Object]:
    """A JSON patch from a list of JSONPatch messages. Raises BadMutation and CelError."""
    from kube.apiserver.cel.values import to_json

    if not isinstance(value, list):
        raise BadMutation("type mismatch: JSONPatchType.expression should evaluate to array")
    found = []
    for row in value:
        if not isinstance(row, MessageValue) or row.type_name != "JSONPatch":
            raise BadMutation("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch")
        if isinstance(row.get("value"), MessageValue):
            check_names(row["value"], row["value"].type_name)
        found.append({name: to_json(item) for name, item in row.items()})
    return found


def check_names(value: Any, path: str) -> None:
    """A message's type says where it stands: `Object.spec` is what spec is. Raises BadMutation."""
    if isinstance(value, MessageValue):
        if value.type_name != path:
            raise BadMutation(f'type mismatch: unexpected type name "{value.type_name}", expected "{path}"')
        for name, item in value.items():
            check_names(item, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            check_names(item, path)
    elif isinstance(value, dict):
        for item in value.values():
            check_names(item, path)
