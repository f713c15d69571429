import pytest

from kube.apiserver.access.impersonation import impersonation
from kube.apiserver.requests.request import User
from kube.apiserver.status import StatusError

ROOT = User("root", ("system:masters",))


def acted(**headers: str) -> tuple[User, list[str]]:
    """Whom to act as, and what has to be allowed: `resource name`."""
    found = impersonation(ROOT, {f"impersonate-{name.replace('_', '-')}": v for name, v in headers.items()})
    assert found is not None
    return found.user, [
        f"{asked.group}:{asked.resource}/{asked.subresource} {asked.namespace} {asked.name}".strip()
        for asked in found.needed
    ]


def test_without_the_headers_nothing_changes() -> None:
    assert impersonation(ROOT, {"accept": "*/*"}) is None


def test_a_user_with_groups_uid_and_extra() -> None:
    user, needed = acted(
        user="jane", group="dev\n,,ops", uid="7", **{"extra_acme.com%2fproject": "a", "extra_scopes": "x\ny"}
    )
    assert user == User(
        "jane",
        ("dev", ",,ops", "system:authenticated"),
        "7",
        {"acme.com/project": ("a",), "scopes": ("x", "y")},
    )
    assert needed == [
        ":users/  jane",
        ":groups/  dev",
        ":groups/  ,,ops",
        "authentication.k8s.io:userextras/acme.com/project  a",
        "authentication.k8s.io:userextras/scopes  x",
        "authentication.k8s.io:userextras/scopes  y",
        "authentication.k8s.io:uids/  7",
    ]


def test_a_service_account_has_its_groups() -> None:
    user, needed = acted(user="system:serviceaccount:ci:bot")
    assert user.groups == (
        "system:serviceaccounts",
        "system:serviceaccounts:ci",
        "system:authenticated",
    )
    assert needed == [":serviceaccounts/ ci bot"]


def test_anonymous_stays_unauthenticated() -> None:
    assert acted(user="system:anonymous")[0].groups == ("system:unauthenticated",)


@pytest.mark.parametrize("header", ["impersonate-group", "impersonate-uid", "impersonate-extra-a"])
def test_everything_else_needs_a_user(header: str) -> None:
    with pytest.raises(StatusError, match="without a user"):
        impersonation(ROOT, {header: "x"})
