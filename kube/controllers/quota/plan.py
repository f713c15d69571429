"""What a quota's status should say, and which changes make it untrue. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kube.apiserver.kinds import quota as rules
from kube.apiserver.kinds.amounts import NONE, Amounts, plus, shown
from kube.apiserver.kinds.quota.usage import PODS, total
from kube.controllers.pods import is_terminal
from kube.objects import Object, Pod, Resource

JSONObject = dict[str, Any]

# Of these more than the number counts, so a change of one may change the usage.
WHOLE = frozenset({PODS, "services", "persistentvolumeclaims"})


def key_of(resource: Resource) -> str:
    """`pods`, `deployments.apps`: how quotas name a kind behind count/."""
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural


def status(quota: JSONObject, objects: Mapping[str, Iterable[JSONObject]], now: float) -> JSONObject | None:
    """None when it is so already. `objects`: those of the namespace, by kind, for each kind that is counted."""
    hard = (quota.get("spec") or {}).get("hard") or {}
    used: Amounts = {}
    for key, found in objects.items():
        mine = (obj for obj in found if rules.counts(quota, key, obj))
        used = plus(used, total(key, mine, now))
    wanted = {"hard": hard, "used": shown({name: used.get(name, NONE) for name in hard})}
    before = quota.get("status") or {}
    same = all((before.get(name) or {}) == wanted[name] for name in wanted)
    return None if same else wanted


def matters(key: str, old: Object | None, new: Object | None) -> bool:
    """Whether a change may have made room. What is made was charged by the API server when it was made."""
    if old is None:
        return False
    if new is None or new.metadata.uid != old.metadata.uid:
        return True
    if isinstance(old, Pod) and isinstance(new, Pod):
        return is_terminal(old) != is_terminal(new)
    return key in WHOLE
