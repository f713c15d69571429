"""Rules of priority and fairness: flow schemas and priority levels."""

from collections.abc import Iterable
from typing import Any

from kube.apiserver.kinds.validation.rules import Errors, needed, one_of
from kube.apiserver.status import FieldError, forbidden_value, invalid_value, not_supported, required

Object = dict[str, Any]

_SUBJECTS = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
_MAX_PRECEDENCE = 10_000
_MAX_QUEUES = 10_000_000


def flow_schema(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    precedence = spec.get("matchingPrecedence")
    if precedence is not None and precedence <= 0:
        errors.append(invalid_value("spec.matchingPrecedence", precedence, "must be a positive value"))
    if precedence is not None and precedence > _MAX_PRECEDENCE:
        detail = f"must not be greater than {_MAX_PRECEDENCE}"
        errors.append(invalid_value("spec.matchingPrecedence", precedence, detail))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name")
    needed(errors, "spec.priorityLevelConfiguration.name", level, "must reference a priority level")
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in ("ByNamespace", "ByUser"):
        where = "spec.distinguisherMethod"
        errors.append(not_supported(where, method.get("type"), ("ByNamespace", "ByUser")))
    for index, rule in enumerate(spec.get("rules") or ()):
        _rule(errors, f"spec.rules[{index}]", rule)


def _rule(errors: Errors, where: str, rule: Object) -> None:
    if not rule.get("subjects"):
        errors.append(required(f"{where}.subjects", "subjects must contain at least one value"))
    for index, subject in enumerate(rule.get("subjects") or ()):
        here, kind = f"{where}.subjects[{index}]", subject.get("kind") or ""
        if kind not in _SUBJECTS:
            errors.append(not_supported(f"{here}.kind", kind, sorted(_SUBJECTS)))
            continue
        field = _SUBJECTS[kind]
        named = subject.get(field)
        if named is None:
            errors.append(required(f"{here}.{field}", f"{field} is required when subject kind is '{kind}'"))
        else:
            needed(errors, f"{here}.{field}.name", named.get("name"))
    resources, others = rule.get("resourceRules") or (), rule.get("nonResourceRules") or ()
    if not resources and not others:
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        errors.append(required(where, detail))
    _lists(errors, f"{where}.resourceRules", resources, ("verbs", "apiGroups", "resources"))
    _lists(errors, f"{where}.nonResourceRules", others, ("verbs", "nonResourceURLs"))
    for index, one in enumerate(resources):
        if not one.get("namespaces") and not one.get("clusterScope"):
            detail = "resource rules that are not cluster scoped must supply at least one namespace"
            errors.append(required(f"{where}.resourceRules[{index}].namespaces", detail))


def _lists(errors: Errors, where: str, rules: Iterable[Object], fields: tuple[str, ...]) -> None:
    for index, rule in enumerate(rules):
        for field in fields:
            values, here = rule.get(field) or (), f"{where}[{index}].{field}"
            if not values:
                errors.append(required(here, f"{field} must contain at least one value"))
            elif len(values) > 1 and "*" in values:
                detail = "if '*' is present, must not specify others"
                errors.append(invalid_value(here, list(values), detail))


def priority_level(obj: Object, errors: Errors) -> None:
    spec = obj.get("spec") or {}
    kind, limited, exempt = spec.get("type") or "", spec.get("limited"), spec.get("exempt")
    if kind == "Limited":
        if exempt is not None:
            errors.append(forbidden_value("spec.exempt", "must be nil if the type is Limited"))
        if limited is None:
            errors.append(required("spec.limited", "must not be empty when type is Limited"))
        else:
            _limited(errors, limited)
    elif kind == "Exempt":
        if limited is not None:
            errors.append(forbidden_value("spec.limited", "must be nil if the type is not Limited"))
        _shares(errors, "spec.exempt", exempt or {})
    else:
        errors.append(not_supported("spec.type", kind, ("Exempt", "Limited")))


def _shares(errors: Errors, where: str, part: Object) -> None:
    shares, lent = part.get("nominalConcurrencyShares"), part.get("lendablePercent")
    if shares is not None and shares < 0:
        detail = "must be a non-negative integer"
        errors.append(invalid_value(f"{where}.nominalConcurrencyShares", shares, detail))
    if lent is not None and not 0 <= lent <= 100:
        detail = "must be between 0 and 100, inclusive"
        errors.append(invalid_value(f"{where}.lendablePercent", lent, detail))


def _limited(errors: Errors, limited: Object) -> None:
    where = "spec.limited"
    _shares(errors, where, limited)
    borrowed = limited.get("borrowingLimitPercent")
    if borrowed is not None and borrowed < 0:
        detail = "if specified, must be a non-negative integer"
        errors.append(invalid_value(f"{where}.borrowingLimitPercent", borrowed, detail))
    response = limited.get("limitResponse") or {}
    kind, queuing = response.get("type") or "", response.get("queuing")
    here = f"{where}.limitResponse"
    one_of(errors, f"{here}.type", kind, ("Queue", "Reject"))
    if kind == "Reject" and queuing is not None:
        detail = "must be nil if limited.limitResponse.type is not Limited"
        errors.append(forbidden_value(f"{here}.queuing", detail))
    if kind == "Queue" and queuing is None:
        detail = "must not be empty if limited.limitResponse.type is Limited"
        errors.append(required(f"{here}.queuing", detail))
    if kind == "Queue" and queuing is not None:
        errors.extend(_queuing(f"{here}.queuing", queuing))


def _queuing(where: str, queuing: Object) -> Iterable[FieldError]:
    queues, hand = queuing.get("queues") or 0, queuing.get("handSize") or 0
    for field in ("queueLengthLimit", "queues", "handSize"):
        if (queuing.get(field) or 0) <= 0:
            yield invalid_value(f"{where}.{field}", queuing.get(field) or 0, "must be positive")
    if queues > _MAX_QUEUES:
        yield invalid_value(f"{where}.queues", queues, f"must not be greater than {_MAX_QUEUES}")
    if hand > queues:
        yield invalid_value(f"{where}.handSize", hand, f"should not be greater than queues ({queues})")
