import pytest

from kube.apiserver.access.attributes import Attributes, exact_fields
from kube.apiserver.access.authorization import AlwaysAllow, Chain, Decision, UserRules
from kube.apiserver.access.authorizers import parse_modes
from kube.apiserver.requests.request import ANONYMOUS, Query, User

JANE = User("jane", ("system:authenticated",))


class Says:
    """An authorizer with one answer."""

    def __init__(self, decision: Decision, error: str = "") -> None:
        self._decision = decision
        self._error = error

    def decide(self, asked: Attributes) -> Decision:
        return self._decision

    def rules_for(self, user: User, namespace: str) -> UserRules:
        return UserRules((), self._error)


NO, YES = Says(Decision(allowed=False, reason="no"), "one"), Says(Decision(allowed=True, reason="yes"), "two")


@pytest.mark.parametrize(
    ("chain", "decision"),
    [
        ((NO, YES), Decision(allowed=True, reason="yes")),
        ((NO, NO), Decision(allowed=False, reason="no\nno")),
        ((), Decision(allowed=False)),
    ],
)
def test_the_first_that_allows_decides(chain: tuple[Says, ...], decision: Decision) -> None:
    assert Chain(chain).decide(Attributes(JANE, "get", resource="pods")) == decision


def test_errors_of_several_are_listed() -> None:
    assert Chain([NO, YES]).rules_for(JANE, "web").error == "[one, two]"
    assert Chain([NO]).rules_for(JANE, "web").error == "one"


def test_without_rights_strangers_may_read_the_public_paths_only() -> None:
    decide = AlwaysAllow().decide
    assert decide(Attributes(JANE, "delete", resource="nodes")).allowed
    assert decide(Attributes(ANONYMOUS, "get", path="/readyz/etcd")).allowed
    assert not decide(Attributes(ANONYMOUS, "get", path="/api")).allowed


@pytest.mark.parametrize(
    ("selector", "fields"),
    [
        ("", {}),
        ("spec.nodeName=n1", {"spec.nodeName": "n1"}),
        ("metadata.name==a,status.phase!=Failed", {"metadata.name": "a"}),
        ("a=b\\,c", {}),
    ],
)
def test_field_selectors_are_read_as_far_as_they_are_plain(selector: str, fields: dict[str, str]) -> None:
    assert exact_fields(Query([("fieldSelector", selector)])) == fields


def test_modes_are_checked() -> None:
    assert parse_modes("Node,RBAC") == ("Node", "RBAC")
    with pytest.raises(ValueError, match="'ABAC' is none of AlwaysAllow, Node, RBAC"):
        parse_modes("ABAC")
    with pytest.raises(ValueError, match="twice"):
        parse_modes("RBAC,RBAC")
