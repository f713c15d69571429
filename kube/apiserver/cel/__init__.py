"""CEL, the Common Expression Language, with the libraries that Kubernetes adds (those of 1.36).

`compiled(text, environment)` gives a Program, `program.evaluate(variables, Budget(…))` its value.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from kube.apiserver.cel.check import Checker
from kube.apiserver.cel.errors import CelError, CompileError, OutOfBudget
from kube.apiserver.cel.evaluate import Budget, Program
from kube.apiserver.cel.parser import parse
from kube.apiserver.cel.types import Record, Type

__all__ = [
    "Budget",
    "CelError",
    "Checked",
    "CompileError",
    "Environment",
    "OutOfBudget",
    "Program",
    "compiled",
]


class Environment(NamedTuple):
    """The variables an expression may use, with their types, and the types that have fields."""

    variables: Mapping[str, Type]
    records: Mapping[str, Record] = {}


class Checked(NamedTuple):
    """A program, and the type of its value as far as it is known."""

    program: Program
    type: Type


def compiled(text: str, environment: Environment) -> Checked:
    """Raises CompileError."""
    try:
        node = _parsed(text)
        found = Checker(text, environment.records).type_of(node, environment.variables)
        return Checked(Program(text, node, frozenset(environment.variables)), found)
    except RecursionError as error:
        raise CompileError(text, 0, "the expression has too many parts within one another") from error


_parsed = lru_cache(512)(parse)
