"""May this user do that: the question."""

from collections.abc import Mapping
from typing import NamedTuple

from kube.apiserver.requests.request import Query, User

_NO_FIELDS: Mapping[str, str] = {}


class Attributes(NamedTuple):
    """What is asked for: of a resource, or (`path` set) of a URL that names none.

    `fields` are a list's or watch's field requirements of the form name=value.
    """

    user: User
    verb: str
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    fields: Mapping[str, str] = _NO_FIELDS

    def sentence(self) -> str:
        """`User "jane" cannot list resource "pods" in API group "" in the namespace "web"`."""
        who = f'User "{self.user.name}" cannot {self.verb}'
        if self.path:
            return f'{who} path "{self.path}"'
        resource = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        scope = f'in the namespace "{self.namespace}"' if self.namespace else "at the cluster scope"
        return f'{who} resource "{resource}" in API group "{self.group}" {scope}'


def exact_fields(query: Query) -> Mapping[str, str]:
    """The name=value requirements of a field selector; what it means otherwise is told when the list is made."""
    text = query.get("fieldSelector")
    if not text:
        return _NO_FIELDS
    found = {}
    for part in text.split(","):
        name, equals, value = part.partition("=")
        if equals and not name.endswith("!") and "\\" not in value:
            found[name.strip()] = value.removeprefix("=").strip()
    return found
