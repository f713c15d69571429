"""Who may do what: roles and bindings, arranged by subject and kept by the changes of the store.

A change of a role or binding costs that role or binding; a decision costs a few lookups for each role the user is
bound to in the namespace. Bindings find their role when they are asked, so that either may come first.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import msgspec

from kube.apiserver import status
from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.authorization import Decision, UserRules
from kube.apiserver.access.rbac.rules import RawRule, Rule, RuleTable, keys_of
from kube.apiserver.requests.request import User
from kube.store.cache import WatchCache
from kube.store.watchers import Event

GROUP = "rbac.authorization.k8s.io"
_SERVICE_ACCOUNT = "system:serviceaccount:"


class RoleKey(NamedTuple):
    """`namespace` is empty for a ClusterRole."""

    namespace: str
    name: str

    def not_found(self) -> status.StatusError:
        plural = "roles" if self.namespace else "clusterroles"
        return status.not_found(status.GroupName(GROUP, plural), self.name)


class SubjectKey(NamedTuple):
    """`kind` is User or Group; a ServiceAccount is the user of its name."""

    kind: str
    name: str


class Role:
    """The rules of one role."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)

    @cached_property
    def table(self) -> RuleTable:
        return RuleTable(self.rules)


class Binding(msgspec.Struct, frozen=True):
    """`namespace` is empty for a ClusterRoleBinding; `subjects` with the sentence that says why they are allowed."""

    namespace: str
    name: str
    role: RoleKey
    subjects: Mapping[SubjectKey, str]


class _Metadata(msgspec.Struct):
    name: str
    namespace: str = ""


class _RoleObject(msgspec.Struct):
    metadata: _Metadata
    rules: tuple[RawRule, ...] | None = None


class _Subject(msgspec.Struct):
    kind: str = ""
    name: str = ""
    namespace: str | None = None


class _RoleRef(msgspec.Struct):
    kind: str = ""
    name: str = ""


class _BindingObject(msgspec.Struct):
    metadata: _Metadata
    role: _RoleRef = msgspec.field(name="roleRef", default_factory=_RoleRef)
    subjects: tuple[_Subject, ...] | None = None


_ROLE = msgspec.json.Decoder(_RoleObject)
_BINDING = msgspec.json.Decoder(_BindingObject)


def role_of(body: bytes) -> Role:
    found = _ROLE.decode(body)
    return Role([rule.rule() for rule in found.rules or ()])


def binding_of(body: bytes) -> Binding:
    found = _BINDING.decode(body)
    name, namespace = found.metadata.name, found.metadata.namespace
    role = RoleKey(namespace if found.role.kind == "Role" else "", found.role.name)
    title = (
        f"RoleBinding {status.quote(f'{name}/{namespace}')}"
        if namespace
        else f"ClusterRoleBinding {status.quote(name)}"
    )
    reason = f"RBAC: allowed by {title} of {found.role.kind} {status.quote(role.name)} to "
    subjects = dict(_subject(subject, namespace, reason) for subject in found.subjects or ())
    return Binding(namespace, name, role, subjects)


def _subject(subject: _Subject, namespace: str, reason: str) -> tuple[SubjectKey, str]:
    name = subject.name
    if subject.kind == "ServiceAccount":
        namespace = subject.namespace or namespace
        words = f"ServiceAccount {status.quote(f'{name}/{namespace}')}"
        return SubjectKey("User", f"{_SERVICE_ACCOUNT}{namespace}:{name}"), reason + words
    return SubjectKey(subject.kind, name), f"{reason}{subject.kind} {status.quote(name)}"


class Policy:
    """An Authorizer: all roles and bindings there are."""

    def __init__(self) -> None:
        self._roles: dict[RoleKey, Role] = {}
        # subject → namespace ("" for the whole cluster) → bindings by name
        self._bound: dict[SubjectKey, dict[str, dict[str, Binding]]] = {}

    # --- what there is

    def put_role(self, key: RoleKey, role: Role | None) -> None:
        """None when the role is deleted."""
        if role is None:
            self._roles.pop(key, None)
        else:
            self._roles[key] = role

    def replace_binding(self, old: Binding | None, new: Binding | None) -> None:
        """Either is None when the binding is made or deleted."""
        if old is not None:
            for subject in old.subjects:
                self._unbind(subject, old)
        if new is not None:
            for subject in new.subjects:
                self._bound.setdefault(subject, {}).setdefault(new.namespace, {})[new.name] = new

    def _unbind(self, subject: SubjectKey, binding: Binding) -> None:
        spaces = self._bound.get(subject, {})
        bindings = spaces.get(binding.namespace, {})
        bindings.pop(binding.name, None)
        if not bindings:
            spaces.pop(binding.namespace, None)
        if not spaces:
            self._bound.pop(subject, None)

    # --- what is asked

    def decide(self, asked: Attributes) -> Decision:
        keys = () if asked.path else keys_of(asked)
        absent: list[RoleKey] = []
        for binding, subject in self._bindings(asked.user, asked.namespace):
            role = self._roles.get(binding.role)
            if role is None:
                absent.append(binding.role)
            elif role.table.allows(asked, keys):
                return Decision(allowed=True, reason=binding.subjects[subject])
        return Decision(allowed=False, reason=f"RBAC: {_aggregate(absent)}" if absent else "")

    def _bindings(self, user: User, namespace: str) -> Iterator[tuple[Binding, SubjectKey]]:
        """Those of the whole cluster first."""
        subjects = [SubjectKey("User", user.name), *(SubjectKey("Group", group) for group in user.groups)]
        found = [(subject, self._bound[subject]) for subject in subjects if subject in self._bound]
        for place in ("", namespace) if namespace else ("",):
            for subject, spaces in found:
                for binding in spaces.get(place, _NONE).values():
                    yield binding, subject

    def rules_for(self, user: User, namespace: str) -> UserRules:
        """Everything the user's bindings in the namespace and the cluster give."""
        rules: list[Rule] = []
        absent: list[RoleKey] = []
        for binding, _ in self._bindings(user, namespace):
            role = self._roles.get(binding.role)
            if role is None:
                absent.append(binding.role)
            else:
                rules += role.rules
        return UserRules(tuple(rules), _aggregate(absent) if absent else "")

    def role_rules(self, key: RoleKey) -> tuple[Rule, ...]:
        """StatusError 404 when there is no such role."""
        role = self._roles.get(key)
        if role is None:
            raise key.not_found()
        return role.rules


_NONE: dict[str, Binding] = {}


def _aggregate(absent: Sequence[RoleKey]) -> str:
    """Several errors as the server lists them: here it names the kind, elsewhere the resource."""
    messages = [
        f"{'role' if key.namespace else 'clusterrole'}.{GROUP} {status.quote(key.name)} not found"
        for key in dict.fromkeys(absent)
    ]
    return messages[0] if len(messages) == 1 else f"[{', '.join(messages)}]"


def follow(cache: WatchCache, policy: Policy) -> None:
    """Take what is stored now, then what is stored from now on."""
    for resource, on_event in _handlers(policy).items():
        for entry in cache.collection(resource).entries.values():
            on_event(Event(None, entry, entry.revision))
    handlers = _handlers(policy)

    def listen(resource: str, event: Event) -> None:
        on_event = handlers.get(resource)
        if on_event is not None:
            on_event(event)

    cache.listen(listen)


def _handlers(policy: Policy) -> dict[str, Callable[[Event], None]]:
    def on_role(event: Event) -> None:
        entry = event.new or event.old
        assert entry is not None
        key = RoleKey(entry.namespace, entry.name)
        policy.put_role(key, role_of(event.new.body) if event.new is not None else None)

    def on_binding(event: Event) -> None:
        old = binding_of(event.old.body) if event.old is not None else None
        new = binding_of(event.new.body) if event.new is not None else None
        policy.replace_binding(old, new)

    return {
        f"clusterroles.{GROUP}": on_role,
        f"roles.{GROUP}": on_role,
        f"clusterrolebindings.{GROUP}": on_binding,
        f"rolebindings.{GROUP}": on_binding,
    }
