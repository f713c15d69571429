"""A place in a schema as the rules walk over it: the raw JSON and the field that holds it."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from kube.apiserver import status
from kube.apiserver.status import FieldError

Object = dict[str, Any]
Errors = list[FieldError]
Level = Literal["root", "field", "item", "logical"]


class Node(NamedTuple):
    """`step` is how it is reached from its parent: the name of a property, or () for items and () for values."""

    schema: Object
    where: str
    level: Level
    step: tuple[str, str] = ("", "")

    def at(self, word: str) -> str:
        """The field of one of its keywords."""
        return f"{self.where}.{word}"

    def flag(self, word: str) -> bool:
        return bool(self.schema.get(word))

    @property
    def step_text(self) -> str:
        word, name = self.step
        return f"{word}[{name}]" if name else word

    def child(self, step: tuple[str, str]) -> "Node | None":
        """The node below it by the same step."""
        return next((part for part in below(self) if part.step == step), None)


def wrong(node: Node, word: str, detail: str) -> FieldError:
    """The keyword's value is not what it has to be, or is missing."""
    value = node.schema.get(word)
    return (
        status.invalid_value(node.at(word), value, detail)
        if value
        else status.required(node.at(word), detail)
    )


def below(node: Node) -> Iterator[Node]:
    """The nodes of the values inside."""
    for name, part in (node.schema.get("properties") or {}).items():
        if isinstance(part, dict):
            step = ("properties", name)
            yield Node(part, f"{node.where}.properties[{name}]", "field", step)
    for word, level in (("additionalProperties", "field"), ("items", "item")):
        part = node.schema.get(word)
        if isinstance(part, dict):
            yield Node(part, node.at(word), level, (word, ""))  # type: ignore[arg-type] # a literal of Level
