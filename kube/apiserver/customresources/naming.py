"""Which names a definition gets, and its status: NamesAccepted, Established, storedVersions.

Names are taken per group: who has one keeps it. A definition whose names are all free is established at once.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

Object = dict[str, Any]

ESTABLISHED = "Established"
NAMES_ACCEPTED = "NamesAccepted"
TERMINATING = "Terminating"
_APPROVAL = "api-approved.kubernetes.io"
_APPROVED = "KubernetesAPIApprovalPolicyConformant"
_PROTECTED = ("k8s.io", "kubernetes.io")
_VERSION = re.compile(r"v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


class Condition(NamedTuple):
    kind: str
    is_true: bool
    reason: str
    message: str


def has_condition(definition: Object, kind: str) -> bool:
    """Whether the condition is True."""
    for row in (definition.get("status") or {}).get("conditions") or ():
        if row.get("type") == kind:
            return bool(row.get("status") == "True")
    return False


def with_condition(status: Object, condition: Condition, now: str) -> Object:
    """The status with the condition; its time moves only when its value does."""
    rows = list(status.get("conditions") or ())
    value = "True" if condition.is_true else "False"
    row = {
        "type": condition.kind,
        "status": value,
        "lastTransitionTime": now,
        "reason": condition.reason,
        "message": condition.message,
    }
    for place, before in enumerate(rows):
        if before.get("type") == condition.kind:
            if before.get("status") == value:
                row["lastTransitionTime"] = before.get("lastTransitionTime") or now
            rows[place] = row
            break
    else:
        rows.append(row)
    return {**status, "conditions": rows}


def is_protected(group: str) -> bool:
    """Groups of Kubernetes itself, which ask for an approval."""
    return any(group == name or group.endswith("." + name) for name in _PROTECTED)


def status_of(definition: Object, others: Iterable[Object], now: str) -> Object:
    """The status that the definition has beside the others (those of its group; itself is passed over)."""
    spec = definition.get("spec") or {}
    status: Object = {**(definition.get("status") or {})}
    status.setdefault("conditions", [])
    status["storedVersions"] = _stored_versions(spec, status)
    accepted, refused = _accepted(
        spec.get("names") or {}, status.get("acceptedNames") or {}, _taken(definition, others)
    )
    status["acceptedNames"] = accepted
    if refused is not None:
        status = with_condition(status, refused, now)
        if not has_condition({"status": status}, ESTABLISHED):
            pending = Condition(ESTABLISHED, False, "NotAccepted", "not all names are accepted")
            status = with_condition(status, pending, now)
        return status
    agreed = Condition(NAMES_ACCEPTED, True, "NoConflicts", "no conflicts found")
    status = with_condition(status, agreed, now)
    if not has_condition({"status": status}, ESTABLISHED):
        first = Condition(ESTABLISHED, True, "InitialNamesAccepted", "the initial names have been accepted")
        status = with_condition(status, first, now)
    if is_protected(str(spec.get("group") or "")):
        status = with_condition(status, _approval(definition), now)
    return status


def _stored_versions(spec: Object, status: Object) -> list[str]:
    """Every version in which objects have been written, the present one last when it is new."""
    stored = list(status.get("storedVersions") or ())
    for version in spec.get("versions") or ():
        if version.get("storage") and version.get("name") not in stored:
            stored.append(version.get("name"))
    return stored


class _Taken(NamedTuple):
    resources: frozenset[str]  # plural, singular and short names share one space
    kinds: frozenset[str]  # kinds and list kinds share another


def _taken(definition: Object, others: Iterable[Object]) -> _Taken:
    resources: set[str] = set()
    kinds: set[str] = set()
    group = (definition.get("spec") or {}).get("group")
    for other in others:
        if (
            other["metadata"]["name"] == definition["metadata"].get("name")
            or other["spec"].get("group") != group
        ):
            continue
        names = (other.get("status") or {}).get("acceptedNames") or {}
        resources.update(
            (names.get("plural", ""), names.get("singular", ""), *(names.get("shortNames") or ()))
        )
        kinds.update((names.get("kind", ""), names.get("listKind", "")))
    return _Taken(frozenset(resources - {""}), frozenset(kinds - {""}))


def _accepted(wanted: Object, before: Object, taken: _Taken) -> tuple[Object, Condition | None]:
    """The names the definition has from now on, and the refusal of those it wished for in vain."""
    accepted: Object = {}
    refusals: list[Condition] = []
    for field, reason, space in (
        ("plural", "PluralConflict", taken.resources),
        ("singular", "SingularConflict", taken.resources),
        ("kind", "KindConflict", taken.kinds),
        ("listKind", "ListKindConflict", taken.kinds),
    ):
        name = wanted.get(field) or ""
        if name in space:
            refusals.append(Condition(NAMES_ACCEPTED, False, reason, f'"{name}" is already in use'))
            name = before.get(field) or ""
        accepted[field] = name
    short = list(wanted.get("shortNames") or ())
    in_use = [name for name in short if name in taken.resources]
    if in_use:
        listed = ", ".join(f'"{name}" is already in use' for name in in_use)
        message = listed if len(in_use) == 1 else f"[{listed}]"
        refusals.append(Condition(NAMES_ACCEPTED, False, "ShortNamesConflict", message))
        short = list(before.get("shortNames") or ())
    if short:
        accepted["shortNames"] = short
    if wanted.get("categories"):
        accepted["categories"] = list(wanted["categories"])
    return {name: value for name, value in accepted.items() if value or name in ("plural", "kind")}, next(
        iter(refusals), None
    )


def _approval(definition: Object) -> Condition:
    value = (definition["metadata"].get("annotations") or {}).get(_APPROVAL, "")
    if value.startswith("https://"):
        return Condition(_APPROVED, True, "ApprovedAnnotation", f"approved in {value}")
    if value.startswith("unapproved"):
        why = f'not approved: "{_APPROVAL}": {value}'
        return Condition(_APPROVED, False, "UnapprovedAnnotation", why)
    missing = f'protected groups must have approval annotation "{_APPROVAL}"'
    return Condition(_APPROVED, False, "MissingAnnotation", missing)


def ending(definition: Object, now: str) -> Object:
    """The definition as its deletion begins: held until its objects are gone."""
    metadata = definition["metadata"]
    finalizers = list(metadata.get("finalizers") or ())
    if CLEANUP not in finalizers:
        finalizers.append(CLEANUP)
    pending = Condition(
        TERMINATING,
        True,
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
    )
    return {
        **definition,
        "metadata": {**metadata, "finalizers": finalizers},
        "status": with_condition(definition.get("status") or {}, pending, now),
    }


def in_progress(status: Object, now: str) -> Object:
    going = Condition(
        TERMINATING, True, "InstanceDeletionInProgress", "CustomResource deletion is in progress"
    )
    return with_condition(status, going, now)


def completed(status: Object, now: str) -> Object:
    done = Condition(TERMINATING, False, "InstanceDeletionCompleted", "removed all instances")
    return with_condition(status, done, now)


def versions_in_order(names: Iterable[str]) -> list[str]:
    """Most stable and newest first: v2, v1, v1beta2, v1beta1, v1alpha1, then the rest by the alphabet."""
    return sorted(names, key=_rank)


def _rank(name: str) -> tuple[int, int, int, str]:
    found = _VERSION.fullmatch(name)
    if not found:
        return (1, 0, 0, name)
    stability = {None: 0, "beta": 1, "alpha": 2}[found.group(2)]
    return (0, stability, -int(found.group(1)) * 1000 - int(found.group(3) or 0), name)


def served_versions(definition: Object) -> Iterator[Object]:
    """The versions that clients can ask for, in the order of discovery."""
    versions = {
        version["name"]: version for version in definition["spec"]["versions"] if version.get("served")
    }
    for name in versions_in_order(versions):
        yield versions[name]
