"""How far the deletion of a namespace is, as its conditions tell it (KEP-5080: pods first). Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from kube.controllers.clock import timestamp
from kube.controllers.pods import condition
from kube.objects import Condition, Namespace, Object, Resource

FINALIZER = "kubernetes"


class Remaining(msgspec.Struct, frozen=True, kw_only=True):
    """What is still there, and what went wrong."""

    objects: Mapping[Resource, Sequence[Object]] = {}
    discovery_failure: str = ""
    deletion_failures: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.discovery_failure and not self.deletion_failures and not any(self.objects.values())


def resource_name(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def conditions(namespace: Namespace, left: Remaining, now: float) -> tuple[Condition, ...]:
    """The five NamespaceDeletion… conditions, with their times kept where nothing changed."""
    listed = {resource: objects for resource, objects in left.objects.items() if objects}
    content = ", ".join(
        sorted(
            f"{resource_name(resource)} has {len(objects)} resource instances"
            for resource, objects in listed.items()
        )
    )
    waiting = Counter(
        finalizer for objects in listed.values() for one in objects for finalizer in one.metadata.finalizers
    )
    finalizers = ", ".join(sorted(f"{name} in {count} resource instances" for name, count in waiting.items()))
    wanted = (
        _said(
            "NamespaceDeletionDiscoveryFailure",
            left.discovery_failure,
            ("DiscoveryFailed", "ResourcesDiscovered"),
            "All resources successfully discovered",
        ),
        _said(
            "NamespaceDeletionGroupVersionParsingFailure",
            "",
            ("", "ParsedGroupVersions"),
            "All legacy kube types successfully parsed",
        ),
        _said(
            "NamespaceDeletionContentFailure",
            "; ".join(left.deletion_failures),
            ("ContentDeletionFailed", "ContentDeleted"),
            "All content successfully deleted, may be waiting on finalization",
        ),
        _said(
            "NamespaceContentRemaining",
            f"Some resources are remaining: {content}" if content else "",
            ("SomeResourcesRemain", "ContentRemoved"),
            "All content successfully removed",
        ),
        _said(
            "NamespaceFinalizersRemaining",
            f"Some content in the namespace has finalizers remaining: {finalizers}" if finalizers else "",
            ("SomeFinalizersRemain", "ContentHasNoFinalizers"),
            "All content-preserving finalizers finished",
        ),
    )
    kept = tuple(
        one for one in namespace.status.conditions if not any(one.type == new.type for new in wanted)
    )
    return (*kept, *(_timed(namespace, one, now) for one in wanted))


def _said(type_: str, trouble: str, reasons: tuple[str, str], otherwise: str) -> Condition:
    return Condition(
        type=type_,
        status="True" if trouble else "False",
        reason=reasons[0] if trouble else reasons[1],
        message=trouble or otherwise,
    )


def _timed(namespace: Namespace, made: Condition, now: float) -> Condition:
    known = condition(namespace.status.conditions, made.type)
    same = known is not None and known.status == made.status
    at = known.last_transition_time if known is not None and same else timestamp(now)
    return msgspec.structs.replace(made, last_transition_time=at)


def finalize_body(namespace: Namespace) -> dict[str, Any]:
    """What PUT …/finalize takes: the namespace without our finalizer."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": namespace.metadata.name,
            "uid": namespace.metadata.uid,
        },
        "spec": {"finalizers": [one for one in namespace.spec.finalizers if one != FINALIZER]},
    }
