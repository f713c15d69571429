"""One kind of object, mirrored: client-go's list+watch.

WatchList streaming where the server has it (the initial objects arrive as events, up to a bookmark annotated
`k8s.io/initial-events-end`), else a list and a watch from its revision. A lost watch resumes where it stopped;
410 Gone lists again, and then only what differs is reported.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from random import Random
from types import MappingProxyType
from typing import Generic, TypeVar

import msgspec

from kube.client import ApiError, Client, Expired, Unreachable
from kube.client.client import selectors
from kube.client.errors import error_from
from kube.objects import (
    NamespacedName,
    Object,
    ObjectMeta,
    Resource,
    decode,
    decode_event,
    decode_list,
    key_of,
)
from kube.watch.backoff import Backoff

T = TypeVar("T", bound=Object)
OnChange = Callable[[NamespacedName, T | None, T | None], None]

_INITIAL_EVENTS_END = "k8s.io/initial-events-end"
_WATCH_S = (300, 600)  # asked of the server, by chance between; client-go's figures
_SILENCE_S = 90.0  # bookmarks come each minute: a longer silence on a new stream is a dead connection

_log = logging.getLogger(__name__)


class _Bookmark(msgspec.Struct):
    metadata: ObjectMeta


class Informer(Generic[T]):
    """`on_change(key, old, new)` is called in the loop: old None = added, new None = deleted.

    `resource` mirrors another kind as `cls`, which then is its metadata or another part that the kinds share.
    """

    def __init__(
        self,
        client: Client,
        cls: type[T],
        *,
        namespace: str = "",
        label_selector: str = "",
        field_selector: str = "",
        on_change: OnChange[T] | None = None,
        rng: Random | None = None,
        resource: Resource | None = None,
    ) -> None:
        self._client = client
        self._cls = cls
        self._resource = resource or cls.resource
        self._namespace = namespace
        self._selectors = {"label_selector": label_selector, "field_selector": field_selector}
        self._objects: dict[NamespacedName, T] = {}
        self._subscribers: list[OnChange[T]] = [on_change] if on_change else []
        self._synced = asyncio.Event()
        self._rng = rng or Random()
        self._revision = ""
        self._streams_lists = True
        self.last_heard_at_s: float | None = None  # loop time of the last line from the server

    @property
    def cache(self) -> Mapping[NamespacedName, T]:
        """What is known now; the values never change, they are replaced."""
        return MappingProxyType(self._objects)

    @property
    def synced(self) -> bool:
        """The whole initial state has been seen once."""
        return self._synced.is_set()

    @property
    def resource_version(self) -> str:
        """The revision that the mirror stands at; "" before the first list."""
        return self._revision

    async def wait_synced(self) -> None:
        await self._synced.wait()

    def subscribe(self, on_change: OnChange[T]) -> None:
        """Also called for everything that is already known."""
        self._subscribers.append(on_change)
        for key, obj in list(self._objects.items()):
            on_change(key, None, obj)

    async def run(self) -> None:
        """Mirror until cancelled. Failures are logged and tried again with growing waits."""
        backoff = Backoff(self._rng)
        while True:
            try:
                if not self._revision:
                    await self._load()
                backoff.succeeded()
                await self._follow()
            except Expired:
                self._revision = ""
            except (ApiError, TimeoutError, msgspec.DecodeError) as error:
                delay_s = max(backoff.next_s(), getattr(error, "retry_after_s", 0))
                if isinstance(error, Unreachable) and not self.synced:
                    delay_s = min(delay_s, 0.5)  # at start the server may be starting too
                kind = self._resource.plural
                _log.warning(
                    "watch of %s failed, again in %.1f s: %s", kind, delay_s, str(error) or "silence"
                )
                await asyncio.sleep(delay_s)

    async def _load(self) -> None:
        if self._streams_lists:
            try:
                await self._load_by_watch()
                return
            except ApiError as error:
                if isinstance(error, Unreachable | Expired) or error.code in (401, 403, 429, 503, 504):
                    raise
                self._streams_lists = False
        query = selectors(self._selectors["label_selector"], self._selectors["field_selector"])
        reply = await self._client.raw("GET", self._resource.path(self._namespace), query=query)
        listed = decode_list(self._cls, reply.body)
        self._replace({key_of(obj): obj for obj in listed.items}, listed.resource_version)

    async def _load_by_watch(self) -> None:
        """The initial state as a stream, then straight on with the changes on the same connection."""
        query = {
            **self._watch_query(),
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
        }
        found: dict[NamespacedName, T] = {}
        async with self._client.watch_lines(self._resource.path(self._namespace), query) as stream:
            lines = stream.lines
            while True:
                line = await self._next_line(lines)
                if line is None:
                    raise Unreachable("the initial list broke off")
                event, raw = decode_event(line)
                if event == "BOOKMARK":
                    bookmark = msgspec.json.decode(raw, type=_Bookmark)
                    if bookmark.metadata.annotations.get(_INITIAL_EVENTS_END) == "true":
                        self._replace(found, bookmark.metadata.resource_version)
                        break
                elif event == "ERROR":
                    raise error_from(0, raw)
                else:
                    obj = decode(self._cls, raw)
                    found[key_of(obj)] = obj
            await self._consume(lines)

    async def _follow(self) -> None:
        query = {**self._watch_query(), "resourceVersion": self._revision}
        async with self._client.watch_lines(self._resource.path(self._namespace), query) as stream:
            await self._consume(stream.lines)

    def _watch_query(self) -> dict[str, str]:
        return {
            **selectors(self._selectors["label_selector"], self._selectors["field_selector"]),
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._rng.randint(*_WATCH_S)),
        }

    async def _next_line(self, lines: AsyncIterator[bytes]) -> bytes | None:
        async with asyncio.timeout(_SILENCE_S):
            line = await anext(lines, None)
        self.last_heard_at_s = asyncio.get_running_loop().time()
        return line

    async def _consume(self, lines: AsyncIterator[bytes]) -> None:
        """Apply changes until the server ends the stream."""
        while (line := await self._next_line(lines)) is not None:
            event, raw = decode_event(line)
            if event == "ERROR":
                raise error_from(0, raw)
            if event == "BOOKMARK":
                self._revision = msgspec.json.decode(raw, type=_Bookmark).metadata.resource_version
                continue
            obj = decode(self._cls, raw)
            self._revision = obj.metadata.resource_version
            self._set(key_of(obj), None if event == "DELETED" else obj)

    def _replace(self, found: dict[NamespacedName, T], revision: str) -> None:
        """The whole state at once: report what differs from what was known."""
        self._revision = revision
        for key in [key for key in self._objects if key not in found]:
            self._set(key, None)
        for key, obj in found.items():
            old = self._objects.get(key)
            if old is None or old.metadata.resource_version != obj.metadata.resource_version:
                self._set(key, obj)
        self._synced.set()

    def _set(self, key: NamespacedName, new: T | None) -> None:
        old = self._objects.get(key)
        if new is None:
            if self._objects.pop(key, None) is None:
                return
        else:
            self._objects[key] = new
        for on_change in self._subscribers:
            on_change(key, old, new)
