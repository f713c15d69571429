"""Macros that walk a list or the entries of a map."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from kube.apiserver.cel.errors import CelError, OutOfBudget
from kube.apiserver.cel.functions.lists import ordered

Scope: TypeAlias = dict[str, Any]
Step: TypeAlias = Callable[[Scope], Any]
_Fold: TypeAlias = Callable[[Step, tuple[str, ...], "Step | None", Step], Step]


def _walked(source: Step, variables: tuple[str, ...], scope: Scope) -> Iterator[tuple[Scope, Any]]:
    """The scope of each turn, and what the first variable stands for."""
    values = source(scope)
    inner = dict(scope)
    budget = scope[""]
    pairs: Iterator[tuple[Any, Any]]
    if isinstance(values, list):
        pairs = iter(enumerate(values))
        first_is_item = len(variables) == 1
    elif isinstance(values, dict):
        pairs = iter(values.items())
        first_is_item = False
    else:
        raise CelError("no such overload")
    for key, item in pairs:
        budget.spend(1)
        first = item if first_is_item else key
        inner[variables[0]] = first
        if len(variables) == 2:
            inner[variables[1]] = item
        yield inner, first


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError("no such overload")
    return value


def _quantified(*, by: bool) -> _Fold:
    """Exists (decided by the first true) and all (decided by the first false); failures count when nothing decides."""

    def make(source: Step, variables: tuple[str, ...], _: Step | None, body: Step) -> Step:
        def run(scope: Scope) -> bool:
            failure: CelError | None = None
            for inner, _first in _walked(source, variables, scope):
                try:
                    if _truth(body(inner)) is by:
                        return by
                except OutOfBudget:
                    raise
                except CelError as error:
                    failure = failure or error
            if failure is not None:
                raise failure
            return not by

        return run

    return make


def _exists_one(source: Step, variables: tuple[str, ...], _: Step | None, body: Step) -> Step:
    def run(scope: Scope) -> bool:
        return sum(_truth(body(inner)) for inner, _first in _walked(source, variables, scope)) == 1

    return run


def _filter(source: Step, variables: tuple[str, ...], _: Step | None, body: Step) -> Step:
    def run(scope: Scope) -> list[Any]:
        return [first for inner, first in _walked(source, variables, scope) if _truth(body(inner))]

    return run


def _listed(source: Step, variables: tuple[str, ...], condition: Step | None, body: Step) -> Step:
    def run(scope: Scope) -> list[Any]:
        return [
            body(inner)
            for inner, _first in _walked(source, variables, scope)
            if condition is None or _truth(condition(inner))
        ]

    return run


def _mapped(source: Step, variables: tuple[str, ...], condition: Step | None, body: Step) -> Step:
    def run(scope: Scope) -> dict[Any, Any]:
        return {
            first: body(inner)
            for inner, first in _walked(source, variables, scope)
            if condition is None or _truth(condition(inner))
        }

    return run


def _entries(source: Step, variables: tuple[str, ...], condition: Step | None, body: Step) -> Step:
    def run(scope: Scope) -> dict[Any, Any]:
        made: dict[Any, Any] = {}
        for inner, _first in _walked(source, variables, scope):
            if condition is not None and not _truth(condition(inner)):
                continue
            found = body(inner)
            if not isinstance(found, dict):
                raise CelError("no such overload")
            for key, value in found.items():
                if key in made:
                    raise CelError(f"insert failed: key {key} already exists")
                made[key] = value
        return made

    return run


def _sorted(source: Step, variables: tuple[str, ...], _: Step | None, body: Step) -> Step:
    def run(scope: Scope) -> list[Any]:
        items, keys = [], []
        for inner, first in _walked(source, variables, scope):
            items.append(first)
            keys.append(body(inner))
        return ordered(keys, items)

    return run


FOLDS: Mapping[str, _Fold] = {
    "all": _quantified(by=False),
    "exists": _quantified(by=True),
    "exists_one": _exists_one,
    "existsOne": _exists_one,
    "filter": _filter,
    "map": _listed,
    "transformList": _listed,
    "transformMap": _mapped,
    "transformMapEntry": _entries,
    "sortBy": _sorted,
}
