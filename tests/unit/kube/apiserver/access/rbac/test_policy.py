import time
from random import Random
from typing import Any

import msgspec
import pytest

from kube.apiserver.access.attributes import Attributes
from kube.apiserver.access.authorization import Chain
from kube.apiserver.access.rbac.policy import Binding, Policy, Role, RoleKey, SubjectKey, binding_of
from kube.apiserver.access.rbac.rules import Rule, parse_rules
from kube.apiserver.kinds.bootstrap import rbac
from kube.apiserver.requests.request import User
from kube.apiserver.status import StatusError

READ_PODS = Role([Rule(("get", "list"), ("",), ("pods",))])
WRITE_PODS = Role([Rule(("create",), ("",), ("pods",))])
JANE = User("jane", ("dev", "system:authenticated"))
BOT = User("system:serviceaccount:ci:bot", ("system:serviceaccounts", "system:serviceaccounts:ci"))


def binding(name: str, role: RoleKey, *subjects: str, namespace: str = "") -> Binding:
    body: dict[str, Any] = {
        "metadata": {"name": name, "namespace": namespace},
        "roleRef": {"kind": "Role" if role.namespace else "ClusterRole", "name": role.name},
        "subjects": [rbac._subject(subject) for subject in subjects],
    }
    return binding_of(msgspec.json.encode(body))


def question(user: User, verb: str, resource: str = "pods", namespace: str = "web") -> Attributes:
    return Attributes(user, verb, "", "v1", resource, "", namespace)


@pytest.fixture
def policy() -> Policy:
    made = Policy()
    made.put_role(RoleKey("", "read"), READ_PODS)
    made.put_role(RoleKey("web", "write"), WRITE_PODS)
    made.replace_binding(None, binding("devs", RoleKey("", "read"), "Group dev"))
    made.replace_binding(None, binding("jane", RoleKey("web", "write"), "User jane", namespace="web"))
    made.replace_binding(
        None, binding("bots", RoleKey("", "read"), "ServiceAccount ci/bot", namespace="stage")
    )
    return made


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (question(JANE, "list"), True),
        (question(JANE, "list", namespace=""), True),
        (question(JANE, "create"), True),
        (question(JANE, "create", namespace="stage"), False),
        (question(JANE, "create", namespace=""), False),
        (question(JANE, "list", "secrets"), False),
        (question(User("joe", ("ops",)), "list"), False),
        (question(BOT, "get", namespace="stage"), True),
        (question(BOT, "get", namespace="web"), False),
        (question(BOT, "get", namespace=""), False),
        (Attributes(JANE, "get", path="/metrics"), False),
    ],
)
def test_bindings_hold_where_they_are(policy: Policy, asked: Attributes, *, allowed: bool) -> None:
    assert policy.decide(asked).allowed is allowed


def test_the_reason_names_binding_role_and_subject(policy: Policy) -> None:
    assert policy.decide(question(JANE, "list")).reason == (
        'RBAC: allowed by ClusterRoleBinding "devs" of ClusterRole "read" to Group "dev"'
    )
    assert policy.decide(question(JANE, "create")).reason == (
        'RBAC: allowed by RoleBinding "jane/web" of Role "write" to User "jane"'
    )
    assert policy.decide(question(BOT, "get", namespace="stage")).reason == (
        'RBAC: allowed by RoleBinding "bots/stage" of ClusterRole "read" to ServiceAccount "bot/ci"'
    )


def test_a_refusal_names_the_roles_that_are_missing(policy: Policy) -> None:
    policy.replace_binding(None, binding("lost", RoleKey("", "absent"), "User jane"))
    policy.replace_binding(None, binding("lost", RoleKey("web", "gone"), "User jane", namespace="web"))
    assert policy.decide(question(JANE, "delete")).reason == (
        'RBAC: [clusterrole.rbac.authorization.k8s.io "absent" not found, '
        'role.rbac.authorization.k8s.io "gone" not found]'
    )
    assert policy.decide(question(JANE, "list")).allowed


def test_a_role_that_comes_after_its_binding_counts() -> None:
    policy = Policy()
    policy.replace_binding(None, binding("devs", RoleKey("", "read"), "Group dev"))
    assert not policy.decide(question(JANE, "list")).allowed
    policy.put_role(RoleKey("", "read"), READ_PODS)
    assert policy.decide(question(JANE, "list")).allowed
    policy.put_role(RoleKey("", "read"), None)
    assert not policy.decide(question(JANE, "list")).allowed


def test_an_account_without_a_namespace_is_of_the_binding_s() -> None:
    body = b"""{"metadata":{"name":"b","namespace":"ci"},"roleRef":{"kind":"Role","name":"r"},
        "subjects":[{"kind":"ServiceAccount","name":"bot"}]}"""
    found = binding_of(body)
    assert list(found.subjects) == [SubjectKey("User", BOT.name)]
    assert found.role == RoleKey("ci", "r")


def test_rules_for_lists_what_holds_in_a_namespace(policy: Policy) -> None:
    assert policy.rules_for(JANE, "web").rules == (*READ_PODS.rules, *WRITE_PODS.rules)
    assert policy.rules_for(JANE, "stage").rules == READ_PODS.rules
    policy.replace_binding(None, binding("lost", RoleKey("", "absent"), "User jane"))
    assert policy.rules_for(JANE, "web").error == 'clusterrole.rbac.authorization.k8s.io "absent" not found'
    with pytest.raises(StatusError, match="not found"):
        policy.role_rules(RoleKey("web", "absent"))


def test_changes_one_by_one_end_as_a_fresh_start_does() -> None:
    """Any order of bindings made, changed and deleted leaves what the last ones say, and nothing else."""
    rng = Random(3)
    users = [f"User u{number}" for number in range(4)] + ["Group g", "ServiceAccount ci/bot"]
    names = [("", "a"), ("", "b"), ("x", "a"), ("y", "c")]
    policy, kept = Policy(), dict.fromkeys(names)
    for _ in range(500):
        place = rng.choice(names)
        new = None
        if rng.random() < 0.7:
            subjects = rng.choices(users, k=rng.randint(0, 3))
            new = binding(place[1], RoleKey("", rng.choice("rs")), *subjects, namespace=place[0])
        policy.replace_binding(kept[place], new)
        kept[place] = new
    fresh = Policy()
    for new in kept.values():
        fresh.replace_binding(None, new)
    assert policy._bound == fresh._bound


def test_masters_are_not_asked_about() -> None:
    chain = Chain([Policy()])
    assert chain.decide(question(User("root", ("system:masters",)), "delete")).allowed
    assert not chain.decide(question(JANE, "delete")).allowed


def test_a_decision_takes_microseconds_among_thousands_of_bindings() -> None:
    policy = Policy()
    for role in rbac.objects():
        if role["kind"] == "ClusterRole":
            policy.put_role(RoleKey("", role["metadata"]["name"]), Role(parse_rules(role["rules"])))
    for number in range(5000):
        policy.replace_binding(
            None, binding(f"b{number}", RoleKey("", "view"), f"User u{number}", namespace=f"n{number % 50}")
        )
    for number, role in enumerate(("view", "edit", "system:basic-user", "system:discovery")):
        policy.replace_binding(
            None, binding(f"all-{number}", RoleKey("", role), "Group system:authenticated")
        )
    asked = question(User("u77", ("system:authenticated",)), "deletecollection", "nodes", "n27")
    policy.decide(asked)
    started = time.process_time()
    for _ in range(1000):
        policy.decide(asked)
    assert (time.process_time() - started) / 1000 < 100e-6  # some 5 µs; slow machines are given room
