"""A transport that answers from a script, for the informer's tests: the conversation is the test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from kube.client import Reply, Stream, Unreachable


class ScriptedTransport:
    """Watches take the next of `streams` (lines, or an exception), lists the next of `lists`."""

    def __init__(
        self, streams: list[list[object] | Exception | tuple[int, bytes]], lists: list[bytes]
    ) -> None:
        self.streams = streams
        self.lists = lists
        self.asked: list[dict[str, str]] = []

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        self.asked.append(dict(query))
        return Reply(200, {}, self.lists.pop(0))

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        self.asked.append(dict(query))
        if not self.streams:
            await asyncio.Event().wait()
        script = self.streams.pop(0)
        if isinstance(script, Exception):
            raise script
        if isinstance(script, tuple):
            yield Stream(script[0], _lines([script[1]]))
        else:
            yield Stream(200, _lines(script))

    async def close(self) -> None:
        pass


async def _lines(script: list[object]) -> AsyncIterator[bytes]:
    for line in script:
        if isinstance(line, Exception):
            raise line
        yield line if isinstance(line, bytes) else msgspec.json.encode(line)


def event(kind: str, name: str, revision: int) -> dict[str, object]:
    return {
        "type": kind,
        "object": {"metadata": {"name": name, "namespace": "ns", "resourceVersion": str(revision)}},
    }


def bookmark(revision: int, *, ends_initial_events: bool = False) -> dict[str, object]:
    annotations = {"k8s.io/initial-events-end": "true"} if ends_initial_events else {}
    return {
        "type": "BOOKMARK",
        "object": {"metadata": {"resourceVersion": str(revision), "annotations": annotations}},
    }


def listed(revision: int, **revisions: int) -> bytes:
    items = [
        {"metadata": {"name": name, "namespace": "ns", "resourceVersion": str(of)}}
        for name, of in revisions.items()
    ]
    return msgspec.json.encode({"items": items, "metadata": {"resourceVersion": str(revision)}})


def gone() -> dict[str, object]:
    return {
        "type": "ERROR",
        "object": {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"},
    }


REFUSED = (422, b'{"kind":"Status","code":422,"reason":"Invalid","message":"sendInitialEvents is forbidden"}')
LOST = Unreachable("reset")
