"""Nobody gives away more than they have: checks of writes to roles and bindings.

Who may `escalate` a role, or `bind` one, is trusted with it; everybody else must hold every permission in it.
"""

from collections.abc import Iterable

from kube.apiserver import status
from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.authorization import MASTERS, Authorizer
from kube.apiserver.access.rbac.policy import GROUP, Policy, RoleKey
from kube.apiserver.access.rbac.rules import EVERYTHING, Rule, compact, describe, missing, parse_rules
from kube.apiserver.kinds import Kind
from kube.apiserver.requests.request import Object, User

_ROLES = (f"roles.{GROUP}", f"clusterroles.{GROUP}")
_BINDINGS = (f"rolebindings.{GROUP}", f"clusterrolebindings.{GROUP}")
KEYS = frozenset((*_ROLES, *_BINDINGS))
# What the garbage collector changes before an object goes, and what changes with every write.
_INCIDENTAL = ("ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation")


def check_write(
    policy: Policy, authorizer: Authorizer, kind: Kind, new: Object, old: Object | None, user: User
) -> None:
    """Raises StatusError 403; `old` is None for a create. Objects of other kinds pass."""
    if kind.key not in KEYS or MASTERS in user.groups or (old is not None and _incidental(new, old)):
        return
    if kind.key in _ROLES:
        _check_role(policy, authorizer, kind, new, old, user)
    else:
        _check_binding(policy, authorizer, kind, new, user)


def _incidental(new: Object, old: Object) -> bool:
    return _without(new) == _without(old)


def _without(obj: Object) -> Object:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _INCIDENTAL}
    return {**obj, "metadata": metadata}


def _may(authorizer: Authorizer, user: User, verb: str, role: RoleKey, namespace: str) -> bool:
    plural = "roles" if role.namespace else "clusterroles"
    return authorizer.decide(Attributes(user, verb, GROUP, "v1", plural, "", namespace, role.name)).allowed


def _check_role(
    policy: Policy, authorizer: Authorizer, kind: Kind, new: Object, old: Object | None, user: User
) -> None:
    metadata = new["metadata"]
    namespace, name = metadata.get("namespace", ""), metadata.get("name", "")
    if _may(authorizer, user, "escalate", RoleKey(namespace, name), namespace):
        return
    held = policy.rules_for(user, namespace)
    same_rules = old is not None and (old.get("rules") or []) == (new.get("rules") or [])
    aggregation = new.get("aggregationRule")
    gathers = aggregation and (old is None or old.get("aggregationRule") != aggregation)
    # What it will gather is not known yet, so it may be anything.
    if gathers and missing(EVERYTHING, held.rules):
        why = "must have cluster-admin privileges to use an aggregationRule"
        raise status.forbidden(kind.resource, name, why)
    if not same_rules:
        _confirm(kind, name, user, parse_rules(new.get("rules")), held.rules, held.error)


def _check_binding(policy: Policy, authorizer: Authorizer, kind: Kind, new: Object, user: User) -> None:
    metadata, reference = new["metadata"], new.get("roleRef") or {}
    namespace = metadata.get("namespace", "")
    role = RoleKey(namespace if reference.get("kind") == "Role" else "", reference.get("name", ""))
    if _may(authorizer, user, "bind", role, namespace):
        return
    held = policy.rules_for(user, namespace)
    wanted = policy.role_rules(role)
    _confirm(kind, metadata.get("name", ""), user, wanted, held.rules, held.error)


def _confirm(
    kind: Kind, name: str, user: User, wanted: Iterable[Rule], held: Iterable[Rule], error: str
) -> None:
    lacking = missing(wanted, held)
    if not lacking:
        return
    rows = sorted({describe(rule) for rule in compact(lacking)})
    groups = " ".join(map(status.quote, user.groups))
    why = (
        f"user {status.quote(user.name)} (groups=[{groups}]) is attempting to grant RBAC permissions not currently "
        "held:\n" + "\n".join(rows)
    )
    if error:
        why += f"; resolution errors: [{error}]"
    raise status.forbidden(kind.resource, name, why)
