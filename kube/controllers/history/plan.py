"""Which revision is the present template's, which number it gets, and which old ones go. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from kube.controllers.deployment.revisions import canonical, template_hash
from kube.controllers.history.kinds import ControllerRevision
from kube.controllers.owners import controller_reference
from kube.objects import Object

HASH_LABEL = "controller-revision-hash"


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """The present template's revision. `existing` None: create `body`; an old number: raise it to `number`."""

    name: str
    digest: str
    number: int
    existing: ControllerRevision | None
    body: dict[str, Any]


def revision_data(template: dict[str, Any]) -> dict[str, Any]:
    """A strategic merge patch that puts the template back: what `kubectl rollout undo` sends.

    In the order of Go's encoder: clients compare the bytes with the patch that they make of the present template.
    """
    data: dict[str, Any] = _ordered({"spec": {"template": {**template, "$patch": "replace"}}})
    return data


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list) else value


def template_of(revision: ControllerRevision) -> dict[str, Any]:
    template = revision.data.get("spec", {}).get("template", {})
    return {key: value for key, value in template.items() if key != "$patch"}


def present(
    owner: Object,
    template: dict[str, Any],
    collision_count: int | None,
    revisions: Sequence[ControllerRevision],
) -> Present:
    data = revision_data(template)
    wanted = canonical(data)
    same = [one for one in revisions if canonical(one.data) == wanted]
    existing = max(same, key=lambda one: one.revision, default=None)
    highest = max((one.revision for one in revisions), default=0)
    number = existing.revision if existing is not None and existing.revision == highest else highest + 1
    digest = (existing.metadata.labels.get(HASH_LABEL, "") if existing is not None else "") or template_hash(
        template, collision_count
    )
    name = existing.metadata.name if existing is not None else f"{owner.metadata.name}-{digest}"
    labels = {**((template.get("metadata") or {}).get("labels") or {}), HASH_LABEL: digest}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": owner.metadata.namespace,
        "labels": labels,
        "ownerReferences": [controller_reference(owner)],
    }
    if owner.metadata.annotations:  # the cause of the change among them: `kubectl rollout history` shows it
        metadata["annotations"] = dict(owner.metadata.annotations)
    body = {
        "metadata": metadata,
        "data": data,
        "revision": number,
    }
    return Present(name=name, digest=digest, number=number, existing=existing, body=body)


def surplus(
    revisions: Sequence[ControllerRevision], used: Collection[str], limit: int | None
) -> list[ControllerRevision]:
    """The oldest beyond `limit` that nobody uses; `used` are names or hashes."""
    free = [
        one
        for one in revisions
        if one.metadata.name not in used and one.metadata.labels.get(HASH_LABEL, "") not in used
    ]
    keep = 10 if limit is None else limit
    return sorted(free, key=lambda one: one.revision)[: max(0, len(free) - keep)]
