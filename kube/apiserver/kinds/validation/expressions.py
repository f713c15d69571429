"""Can the expressions of webhooks and policies be evaluated? Imported with the first that has any: 40 ms of compiler."""

from collections.abc import Iterable
from typing import Any

from kube.apiserver.cel import CompileError, Environment
from kube.apiserver.cel.types import BOOL, DYN, NULL, STRING, Type, list_of
from kube.apiserver.kinds.expressions import compiled_as, environment, fault
from kube.apiserver.kinds.names import label_key_errors
from kube.apiserver.kinds.validation.rules import Errors, each, needed
from kube.apiserver.status import duplicate, invalid_value

Object = dict[str, Any]

BOOLEAN, TEXT, NOTE = (BOOL,), (STRING,), (STRING, NULL)
PATCHES = {"applyConfiguration": (Type("Object"),), "jsonPatch": (list_of(Type("JSONPatch")), list_of(DYN))}


def conditions(
    errors: Errors, where: str, rows: Iterable[Object], *, params: bool = False, policy: bool = False
) -> None:
    """MatchConditions of a webhook or a policy."""
    known = environment(params=params, namespace=policy)
    seen: set[str] = set()
    for index, condition in enumerate(rows):
        here, name = f"{where}[{index}]", condition.get("name") or ""
        if needed(errors, f"{here}.expression", (condition.get("expression") or "").strip()):
            expression(errors, f"{here}.expression", condition["expression"], known, *BOOLEAN)
        if needed(errors, f"{here}.name", name):
            each(errors, f"{here}.name", name, label_key_errors(name))
        if name in seen:
            errors.append(duplicate(f"{here}.name", name))
        seen.add(name)


def variables(errors: Errors, spec: Object, *, mutating: bool) -> Environment:
    """Judges the policy's variables, and gives what its other expressions may use."""
    params = spec.get("paramKind") is not None
    types: dict[str, Type] = {}
    for index, variable in enumerate(spec.get("variables") or ()):
        where, name = f"spec.variables[{index}]", variable.get("name") or ""
        if needed(errors, f"{where}.name", name, "name is not specified") and not name.isidentifier():
            errors.append(invalid_value(f"{where}.name", name, "name is not a valid CEL identifier"))
        text = variable.get("expression") or ""
        if needed(errors, f"{where}.expression", text, "expression is not specified"):
            known = environment(params=params, variables=types, messages=mutating)
            types[name] = expression(errors, f"{where}.expression", text, known) or DYN
    return environment(params=params, variables=types, messages=mutating)


def expression(errors: Errors, where: str, text: str, known: Environment, *wanted: Type) -> Type | None:
    """The expression's type; None when it is refused."""
    try:
        return compiled_as(text, known, *wanted).type
    except CompileError as error:
        errors.append(invalid_value(where, text, fault(error)))
        return None
