"""What goes into the server's core and what comes out of it, independent of any transport."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qsl

import msgspec

from kube.apiserver.outbound.calls import Place

Object = dict[str, Any]
JSON = "application/json"


class User(NamedTuple):
    """Who asks, as authentication found out."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = {}

    @property
    def info(self) -> "Object":
        """authentication.k8s.io/v1 UserInfo."""
        found: Object = {"username": self.name}
        if self.uid:
            found["uid"] = self.uid
        if self.groups:
            found["groups"] = list(self.groups)
        if self.extra:
            found["extra"] = {name: list(values) for name, values in self.extra.items()}
        return found


ANONYMOUS = User("system:anonymous", ("system:unauthenticated",))


class Query:
    """The query's parameters; the same name may come more than once (exec's `command`)."""

    __slots__ = ("_pairs", "_single")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self._pairs = tuple(pairs)
        self._single: dict[str, str] = {}
        for name, value in self._pairs:
            self._single.setdefault(name, value)

    @classmethod
    def parse(cls, text: str) -> "Query":
        return cls(parse_qsl(text, keep_blank_values=True)) if text else EMPTY_QUERY

    def get(self, name: str, default: str = "") -> str:
        return self._single.get(name, default)

    def all(self, name: str) -> tuple[str, ...]:
        return tuple(value for key, value in self._pairs if key == name)

    def flag(self, name: str) -> bool:
        """A boolean as the server reads it: absent, 0 and false are false, everything else is true."""
        return self._single.get(name, "false").lower() not in ("false", "0")

    def __contains__(self, name: str) -> bool:
        return name in self._single

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        return self._pairs


EMPTY_QUERY = Query()


class Request(NamedTuple):
    """`headers` have lower-case names; `user` None is a caller that did not say who it is."""

    method: str
    path: str
    query: Query = EMPTY_QUERY
    headers: Mapping[str, str] = {}
    body: bytes = b""
    user: User | None = None
    raw_query: str = ""


class Answer(NamedTuple):
    """A whole response."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()


class Streaming(NamedTuple):
    """A response whose end is not known: `chunks` is closed when the client goes.

    `push_to`, where there is one, takes a function that writes a chunk at once, or says False when the client is
    behind: while the iterator waits, chunks may come that way. One that never calls it misses nothing.
    """

    content_type: str
    chunks: AsyncIterator[bytes]
    push_to: Callable[[Callable[[bytes], bool]], None] | None = None


class Relay(NamedTuple):
    """Pass the connection on to another server, raw bytes in both directions from the response on.

    `tls`: none, "node" (present the kubelet-client certificate, check the peer against the cluster's CA), or
    "unchecked" (a pod that serves https with a certificate of its own). With a `prefix`, the proxy's own path,
    redirects and pages in the response are made to lead through it. With a `place`, an extension server, the
    connection is checked as the place asks, and what the client says of its own identity does not go along.
    """

    host: str
    port: int
    target: str  # path and query of the forwarded request
    tls: Literal["none", "node", "unchecked"]
    headers: tuple[tuple[str, str], ...] = ()
    prefix: str = ""
    place: Place | None = None


Response: TypeAlias = Answer | Streaming | Relay

_ENCODER = msgspec.json.Encoder()


def json_answer(
    obj: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = (), content_type: str = JSON
) -> Answer:
    return Answer(status, _ENCODER.encode(obj), content_type, headers)


def text_answer(text: str, status: int = 200) -> Answer:
    return Answer(
        status, text.encode(), "text/plain; charset=utf-8", (("X-Content-Type-Options", "nosniff"),)
    )


def done(status: int) -> Answer:
    """The Status of an action that has no object to show."""
    return json_answer(
        {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": status}, status
    )
