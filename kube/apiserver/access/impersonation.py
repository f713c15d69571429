"""Acting as somebody else (Impersonate headers): each part of the other identity has to be allowed."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from kube.apiserver import status
from kube.apiserver.access.attributes import Attributes
from kube.apiserver.requests.request import ANONYMOUS, User

_USER, _GROUP, _UID, _EXTRA = "impersonate-user", "impersonate-group", "impersonate-uid", "impersonate-extra-"
_AUTHENTICATION = "authentication.k8s.io"
_SERVICE_ACCOUNT = "system:serviceaccount:"
_AUTHENTICATED = "system:authenticated"


class Impersonation(NamedTuple):
    """Whom to act as, and what the caller must be allowed for that."""

    user: User
    needed: tuple[Attributes, ...]


def impersonation(caller: User, headers: Mapping[str, str]) -> Impersonation | None:
    """None without the headers; StatusError 400 for groups, a uid or extras without a user."""
    extra = {
        unquote(name.removeprefix(_EXTRA)): _values(value)
        for name, value in headers.items()
        if name.startswith(_EXTRA)
    }
    name, groups, uid = headers.get(_USER, ""), _values(headers.get(_GROUP, "")), headers.get(_UID, "")
    if not name:
        if groups or uid or extra:
            raise status.bad_request(
                "requested impersonation without a user: groups, a UID or extra fields need Impersonate-User"
            )
        return None
    user = User(name, _all_groups(name, groups), uid, extra)
    return Impersonation(user, tuple(_needed(caller, user, groups)))


def _values(text: str) -> tuple[str, ...]:
    """Of repeated headers, which come joined by a line break: a name may have commas."""
    return tuple(filter(None, (part.strip() for part in text.split("\n"))))


def _all_groups(name: str, groups: tuple[str, ...]) -> tuple[str, ...]:
    """What authentication would have added."""
    if name == ANONYMOUS.name:
        return groups or ANONYMOUS.groups
    if name.startswith(_SERVICE_ACCOUNT) and not groups:
        namespace = name.removeprefix(_SERVICE_ACCOUNT).partition(":")[0]
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
    return groups if _AUTHENTICATED in groups else (*groups, _AUTHENTICATED)


def _needed(caller: User, user: User, groups: tuple[str, ...]) -> Iterator[Attributes]:
    namespace, colon, account = user.name.removeprefix(_SERVICE_ACCOUNT).partition(":")
    if user.name.startswith(_SERVICE_ACCOUNT) and colon:
        yield _asked(caller, "serviceaccounts", account, namespace=namespace)
    else:
        yield _asked(caller, "users", user.name)
    for group in groups:
        yield _asked(caller, "groups", group)
    for key, values in user.extra.items():
        for value in values:
            yield _asked(caller, "userextras", value, group=_AUTHENTICATION, subresource=key)
    if user.uid:
        yield _asked(caller, "uids", user.uid, group=_AUTHENTICATION)


def _asked(
    caller: User, resource: str, name: str, *, group: str = "", subresource: str = "", namespace: str = ""
) -> Attributes:
    return Attributes(caller, "impersonate", group, "v1", resource, subresource, namespace, name)
