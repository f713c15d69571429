"""The webhooks and policies there are, kept up to date by the cache's events; read when first needed."""

import logging
from collections.abc import Callable, Iterator
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar

from kube.apiserver.dynamic_admission.attempts import EXEMPT
from kube.apiserver.kinds import Kind, kind_at
from kube.store.cache import WatchCache
from kube.store.watchers import Event

_log = logging.getLogger(__name__)
_GROUP = "admissionregistration.k8s.io"
Object = dict[str, Any]
T = TypeVar("T")


def _kind(plural: str) -> Kind:
    found = kind_at(_GROUP, "v1", plural)
    assert found is not None
    return found


class Bound(NamedTuple):
    """A policy and one of its bindings."""

    policy: Any
    binding: Any


class _Lists:
    """What is registered at one moment; each list is made when it is asked for."""

    def __init__(self, cache: WatchCache, off: frozenset[str]) -> None:
        self._cache = cache
        self._off = off

    def _objects(self, plural: str) -> Iterator[Object]:
        entries = self._cache.collection(_kind(plural).storage_key).entries
        return (entries[key].decode() for key in sorted(entries))

    def _hooks(self, plural: str) -> tuple[Any, ...]:
        objects = list(self._objects(plural))
        if not objects:
            return ()
        from kube.apiserver.dynamic_admission import hooks

        return tuple(hook for obj in objects for hook in _readable(hooks.read, obj) or ())

    def _bound(self, policies_plural: str, bindings_plural: str, *, mutating: bool) -> tuple[Bound, ...]:
        bindings = list(self._objects(bindings_plural))
        if not bindings:
            return ()
        from kube.apiserver.dynamic_admission import policies

        known = {}
        for obj in self._objects(policies_plural):
            policy = _readable(partial(policies.read, mutating=mutating), obj)
            if policy is not None:
                known[policy.name] = policy
        read = [policies.read_binding(obj) for obj in bindings]
        return tuple(
            Bound(known[name], binding)
            for name in sorted(known)
            for binding in read
            if binding.policy == name
        )

    @cached_property
    def any(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(
            self.mutating_hooks or self.validating_hooks or self.mutating_policies or self.validating_policies
        )

    @cached_property
    def mutating_hooks(self) -> tuple[Any, ...]:
        return () if "MutatingAdmissionWebhook" in self._off else self._hooks("mutatingwebhookconfigurations")

    @cached_property
    def validating_hooks(self) -> tuple[Any, ...]:
        if "ValidatingAdmissionWebhook" in self._off:
            return ()
        return self._hooks("validatingwebhookconfigurations")

    @cached_property
    def mutating_policies(self) -> tuple[Bound, ...]:
        if "MutatingAdmissionPolicy" in self._off:
            return ()
        return self._bound("mutatingadmissionpolicies", "mutatingadmissionpolicybindings", mutating=True)

    @cached_property
    def validating_policies(self) -> tuple[Bound, ...]:
        if "ValidatingAdmissionPolicy" in self._off:
            return ()
        return self._bound("validatingadmissionpolicies", "validatingadmissionpolicybindings", mutating=False)


def _readable(read: Callable[[Object], T], obj: Object) -> T | None:
    """Something stored without being checked shuts out itself alone."""
    try:
        return read(obj)
    except (KeyError, TypeError, ValueError) as error:
        _log.error("%s %s cannot be used: %r", obj.get("kind"), obj["metadata"].get("name"), error)
        return None


class Registrations:
    """`now` is the newest; a request keeps the lists it began with. `off`: plugins that are switched off."""

    def __init__(self, off: frozenset[str] = frozenset()) -> None:
        self._off = off
        self._cache: WatchCache | None = None
        self._lists: _Lists | None = None

    def follow(self, cache: WatchCache) -> None:
        self._cache = cache
        cache.listen(self._on_event)

    def _on_event(self, resource: str, event: Event) -> None:
        if resource in EXEMPT:
            self._lists = None

    @property
    def now(self) -> _Lists | None:
        """None while there is nothing to follow."""
        if self._lists is None and self._cache is not None:
            self._lists = _Lists(self._cache, self._off)
        return self._lists
