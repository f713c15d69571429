"""What the client asks of whatever carries its requests: HTTP, or the API server in the same process."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol


class Reply(NamedTuple):
    status: int
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Stream(NamedTuple):
    """A reply that is read line by line while it grows; with a status other than 200 its only line is a Status."""

    status: int
    lines: AsyncIterator[bytes]


class Transport(Protocol):
    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        """One request, one whole reply; raises `Unreachable`."""

    def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[Stream]:
        """A GET whose reply does not end (watch, followed log); leaving the context ends it."""

    async def close(self) -> None:
        """Give all connections back."""
