"""Is a webhook or policy asked about an attempt? Rules, selectors, and versions that are equivalent."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kube.apiserver.dynamic_admission.attempts import Attempt
from kube.apiserver.kinds import Kind
from kube.apiserver.kinds.selectors import LabelSelector, from_object

Object = dict[str, Any]


def matched_kind(
    rules: Sequence[Object], attempt: Attempt, others: Iterable[Kind], *, equivalent: bool
) -> Kind | None:
    """The kind in whose version the rules want to see the object: the request's own, or else an equivalent one."""
    if _any(rules, attempt.kind, attempt):
        return attempt.kind
    if equivalent:
        return next((kind for kind in others if _any(rules, kind, attempt)), None)
    return None


def _any(rules: Sequence[Object], kind: Kind, attempt: Attempt) -> bool:
    return any(_matches(rule, kind, attempt) for rule in rules)


def _matches(rule: Object, kind: Kind, attempt: Attempt) -> bool:
    return (
        _listed(rule.get("operations"), attempt.operation)
        and _listed(rule.get("apiGroups"), kind.group)
        and _listed(rule.get("apiVersions"), kind.version)
        and any(
            _resource(pattern, kind.plural, attempt.subresource) for pattern in rule.get("resources") or ()
        )
        and _scope(rule.get("scope") or "*", attempt)
        and _named(rule.get("resourceNames"), attempt)
    )


def _listed(wanted: Sequence[str] | None, value: str) -> bool:
    return bool(wanted) and ("*" in wanted or value in wanted)  # type: ignore[operator] # not None


def _resource(pattern: str, plural: str, subresource: str) -> bool:
    """`pods`, `pods/log`, `pods/*`, `*/scale`; a lone `*` is every resource without its subresources."""
    name, slash, below = pattern.partition("/")
    if name not in ("*", plural):
        return False
    return below in ("*", subresource) if slash else not subresource


def _scope(scope: str, attempt: Attempt) -> bool:
    match scope:
        case "Cluster":
            return not attempt.kind.namespaced
        case "Namespaced":
            return attempt.kind.namespaced
        case _:
            return True


def _named(names: Sequence[str] | None, attempt: Attempt) -> bool:
    return not names or attempt.name in names


def selected(
    namespace_selector: Object | None,
    object_selector: Object | None,
    attempt: Attempt,
    namespace_labels: Mapping[str, str] | None,
) -> bool:
    """`namespace_labels` are None for what lives in no namespace: the selector then says nothing."""
    if namespace_labels is not None and not _selector(namespace_selector).matches(namespace_labels):
        return False
    if not object_selector or not (
        object_selector.get("matchLabels") or object_selector.get("matchExpressions")
    ):
        return True
    selector = _selector(object_selector)
    return any(_has_labels(obj, selector) for obj in (attempt.obj, attempt.old))


def _has_labels(obj: Object | None, selector: LabelSelector) -> bool:
    metadata = (obj or {}).get("metadata")
    return isinstance(metadata, dict) and selector.matches(metadata.get("labels") or {})


def _selector(selector: Object | None) -> LabelSelector:
    return from_object(selector if selector is not None else {})
