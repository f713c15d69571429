"""Which modules a module may load, found in the sources without running them. Pure."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator


def closure(start: Iterable[str], source_of: Callable[[str], str | None]) -> list[str]:
    """The modules that `start` can reach, sorted; `source_of` gives None for what is not a module of ours."""
    waiting = list(start)
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        source = source_of(name)
        if source is None:
            continue
        found.add(name)
        parent = name.rpartition(".")[0]
        waiting += [*imported(source), *([parent] if parent else [])]
    return sorted(found)


def imported(source: str) -> set[str]:
    """Names of all import statements, in functions too, but not those that only type checkers see."""
    return set(_imported(ast.parse(source)))


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and _is_for_type_checkers(node.test):
        for statement in node.orelse:
            yield from _imported(statement)
    else:
        for child in ast.iter_child_nodes(node):
            yield from _imported(child)


def _is_for_type_checkers(test: ast.expr) -> bool:
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"
