from typing import Any

import pytest

from kube.apiserver.access.authorization import AlwaysAllow, Authorizer, Chain
from kube.apiserver.access.rbac.escalation import check_write
from kube.apiserver.access.rbac.policy import Binding, Policy, Role, RoleKey, SubjectKey
from kube.apiserver.access.rbac.rules import parse_rules
from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.kinds.bootstrap.rbac import rule
from kube.apiserver.requests.request import User
from kube.apiserver.status import StatusError

GROUP = "rbac.authorization.k8s.io"
JANE = User("jane", ("dev",))


def kind(plural: str) -> Kind:
    found = kind_at(GROUP, "v1", plural)
    assert found is not None
    return found


def policy_of(*held: str, namespace: str = "") -> Policy:
    """jane has these rules, in one namespace or in all."""
    policy = Policy()
    key = RoleKey(namespace, "held")
    policy.put_role(key, Role(parse_rules(rule(text) for text in held)))
    subjects = {SubjectKey("User", "jane"): ""}
    policy.replace_binding(None, Binding(namespace, "jane", key, subjects))
    return policy


def role(*rules: str, name: str = "new", namespace: str = "web", **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"metadata": metadata, "rules": [rule(text) for text in rules], **more}


def binding(role_kind: str, role_name: str, namespace: str = "web") -> dict[str, Any]:
    metadata = {"name": "new", **({"namespace": namespace} if namespace else {})}
    return {"metadata": metadata, "roleRef": {"apiGroup": GROUP, "kind": role_kind, "name": role_name}}


def refusal(
    policy: Policy,
    plural: str,
    new: dict[str, Any],
    old: dict[str, Any] | None = None,
    *,
    user: User = JANE,
    authorizer: Authorizer | None = None,
) -> str:
    """The message, or nothing when the write may go on."""
    try:
        check_write(policy, authorizer or Chain([policy]), kind(plural), new, old, user)
    except StatusError as error:
        return f"{error.code} {error.message}"
    return ""


@pytest.mark.parametrize(
    ("held", "given", "refused"),
    [
        ("get list: core: pods", "get: core: pods", False),
        ("get list: core: pods", "get: core: pods: one", False),
        ("get: core: pods", "get delete: core: pods", True),
        ("get: core: pods: one", "get: core: pods", True),
        ("get: core: *", "get: core: secrets pods/log", False),
        ("*: *: *", "*: *: *", False),
        ("escalate: rbac.authorization.k8s.io: roles", "*: *: *", False),
        ("escalate: rbac.authorization.k8s.io: roles: other", "*: *: *", True),
    ],
)
def test_a_role_may_hold_what_its_writer_has(held: str, given: str, *, refused: bool) -> None:
    for namespace in ("", "web"):
        assert bool(refusal(policy_of(held, namespace=namespace), "roles", role(given))) is refused


def test_the_message_lists_what_is_lacking() -> None:
    message = refusal(policy_of("get: core: pods"), "roles", role("get list watch: core apps: pods"))
    assert message == (
        '403 roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["dev"]) is attempting to grant '
        "RBAC permissions not currently held:\n"
        '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}\n'
        '{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list" "watch"]}'
    )


def test_rights_in_another_namespace_do_not_count() -> None:
    assert refusal(policy_of("*: *: *", namespace="stage"), "roles", role("get: core: pods"))


def test_what_stays_as_it_is_is_not_asked_about() -> None:
    old = role("get: core: secrets")
    labelled = {**old, "metadata": {**old["metadata"], "labels": {"a": "b"}}}
    released = {**old, "metadata": {**old["metadata"], "ownerReferences": [{"uid": "1"}]}}
    policy = Policy()
    assert refusal(policy, "roles", labelled, old) == ""
    assert refusal(policy, "roles", role("list: core: secrets"), old)
    assert refusal(policy, "roles", released, old) == ""
    bound = binding("Role", "absent")
    owned = {**bound, "metadata": {**bound["metadata"], "finalizers": ["a/b"]}}
    assert refusal(policy, "rolebindings", owned, bound) == ""
    assert refusal(policy, "rolebindings", bound)


@pytest.mark.parametrize(
    ("held", "refused"),
    [
        ("get update: *: *", True),
        ("*: *: *", False),
        ("escalate: rbac.authorization.k8s.io: clusterroles", False),
    ],
)
def test_aggregation_needs_everything_or_escalate(held: str, *, refused: bool) -> None:
    gathering = role(namespace="", aggregationRule={"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]})
    assert bool(refusal(policy_of(held), "clusterroles", gathering)) is refused


@pytest.mark.parametrize(
    ("held", "refused"),
    [
        ("get list watch: core: secrets", False),
        ("get: core: secrets", True),
        ("bind: rbac.authorization.k8s.io: clusterroles: secret-reader", False),
        ("bind: rbac.authorization.k8s.io: clusterroles: other", True),
        ("bind: rbac.authorization.k8s.io: roles", True),
    ],
)
def test_a_binding_may_give_what_its_writer_has(held: str, *, refused: bool) -> None:
    policy = policy_of(held)
    policy.put_role(RoleKey("", "secret-reader"), Role(parse_rules([rule("get list watch: core: secrets")])))
    assert bool(refusal(policy, "rolebindings", binding("ClusterRole", "secret-reader"))) is refused
    assert (
        bool(refusal(policy, "clusterrolebindings", binding("ClusterRole", "secret-reader", ""))) is refused
    )


def test_a_role_that_is_not_there_can_only_be_bound_by_the_trusted() -> None:
    message = refusal(policy_of("get: core: pods"), "rolebindings", binding("Role", "absent"))
    assert message == '404 roles.rbac.authorization.k8s.io "absent" not found'
    trusted = policy_of("bind: rbac.authorization.k8s.io: roles")
    assert refusal(trusted, "rolebindings", binding("Role", "absent")) == ""


def test_masters_and_servers_without_rbac_are_not_checked() -> None:
    everything = role("*: *: *")
    assert refusal(Policy(), "roles", everything, user=User("root", ("system:masters",))) == ""
    assert refusal(Policy(), "roles", everything, authorizer=AlwaysAllow()) == ""


def test_other_kinds_pass() -> None:
    pods = kind_at("", "v1", "pods")
    assert pods is not None
    check_write(Policy(), Chain([Policy()]), pods, {"metadata": {}}, None, JANE)
