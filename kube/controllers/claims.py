"""Which pods are whose, by label and owner: what a controller may adopt and must release. Pure."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from kube.controllers.owners import controller_of
from kube.controllers.pods import is_active
from kube.objects import LabelSelector, Pod


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Whose pods these are: ours, ours to adopt, ours no longer."""

    owned: tuple[Pod, ...] = ()
    adopt: tuple[Pod, ...] = ()
    release: tuple[Pod, ...] = ()


def claims(owner_uid: str, selector: LabelSelector, pods: Iterable[Pod], *, may_adopt: bool) -> Claims:
    """An empty selector means nothing here: it would claim every pod of the namespace."""
    owned: list[Pod] = []
    adopt: list[Pod] = []
    release: list[Pod] = []
    for pod in pods:
        ref = controller_of(pod)
        fits = selector.matches(pod.metadata.labels)
        if ref is not None and ref.uid == owner_uid:
            (owned if fits or pod.metadata.deletion_timestamp else release).append(pod)
        elif ref is None and fits and may_adopt and is_active(pod):
            adopt.append(pod)
    return Claims(owned=tuple(owned), adopt=tuple(adopt), release=tuple(release))
