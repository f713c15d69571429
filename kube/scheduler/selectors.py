"""Label selectors and node selectors, compiled once and matched often (meta/v1 LabelSelector, core/v1 NodeSelector)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from kube.objects import LabelSelector, NodeSelectorRequirement, NodeSelectorTerm

Labels = Mapping[str, str]


class Requirement(NamedTuple):
    """One condition on one label. `values` is sorted, so that equal conditions are equal values."""

    key: str
    operator: str  # In, NotIn, Exists, DoesNotExist, Gt, Lt
    values: tuple[str, ...] = ()


Selector = tuple[Requirement, ...]  # all must hold; () matches everything


class NodeTerm(NamedTuple):
    """One term of a node selector: labels and fields together. An empty term matches no node."""

    labels: Selector
    fields: Selector


def requirement(key: str, operator: str, values: Iterable[str] = ()) -> Requirement:
    return Requirement(key, operator, tuple(sorted(values)))


def label_selector(selector: LabelSelector | None) -> Selector | None:
    """None (matches nothing) for an absent selector, () (matches everything) for an empty one."""
    if selector is None:
        return None
    listed = [requirement(item.key, item.operator, item.values) for item in selector.match_expressions]
    return tuple(sorted((*equality(selector.match_labels), *listed)))


def equality(labels: Labels) -> Selector:
    return tuple(sorted(requirement(key, "In", (value,)) for key, value in labels.items()))


def node_term(term: NodeSelectorTerm) -> NodeTerm:
    def side(conditions: Iterable[NodeSelectorRequirement]) -> Selector:
        return tuple(requirement(item.key, item.operator, item.values) for item in conditions)

    return NodeTerm(side(term.match_expressions), side(term.match_fields))


def holds(condition: Requirement, labels: Labels) -> bool:
    key, operator, values = condition
    value = labels.get(key)
    match operator:
        case "In":
            return value is not None and value in values
        case "NotIn":
            return value is None or value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt":
            return _compares(value, operator, values)
        case _:
            return False


def _compares(value: str | None, operator: str, values: tuple[str, ...]) -> bool:
    try:
        left, right = int(value or ""), int(values[0])
    except (ValueError, IndexError):
        return False
    return left > right if operator == "Gt" else left < right


def matches(selector: Selector | None, labels: Labels) -> bool:
    if selector is None:
        return False
    return all(holds(condition, labels) for condition in selector)


def node_matches(term: NodeTerm, name: str, labels: Labels) -> bool:
    if not term.labels and not term.fields:
        return False
    fields = {"metadata.name": name}
    return matches(term.labels, labels) and matches(term.fields, fields)
