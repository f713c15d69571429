"""A call that the server makes, as a value, and who makes it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from kube.client.transport import Reply, Stream


class Place(NamedTuple):
    """`name` is what the certificate must be for; `ca` PEM, empty for the system's; `url` is for messages."""

    host: str
    port: int
    name: str
    path: str
    ca: bytes
    url: str
    checked: bool = True  # False: any certificate is taken


class CallFailed(Exception):
    """No answer; the sentence is what a Go client would say."""


class Caller(Protocol):
    """Makes the calls: outbound.socket.Callouts."""

    async def send(
        self,
        place: Place,
        method: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
    ) -> "Reply":
        """Raises CallFailed."""
        ...

    def stream(
        self, place: Place, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> "AbstractAsyncContextManager[Stream]":
        """Raises what the client's transport raises."""
        ...


class Silent:
    """A server without sockets calls nobody."""

    async def send(
        self,
        place: Place,
        method: str,
        *,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes = b"",
        timeout_s: float,
    ) -> "Reply":
        raise CallFailed(f'{method.capitalize()} "{place.url}": this server makes no calls')

    def stream(
        self, place: Place, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> "AbstractAsyncContextManager[Stream]":
        raise CallFailed(f'Get "{place.url}": this server makes no calls')
