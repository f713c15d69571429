"""An API server of a few objects for the driver's tests: lists as streams, and what is put in later as events."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from kproxy.backends.registry import BackendError, SyncReport, Watch
from kproxy.forwarding import ForwardingTable, ServicePortName
from kproxy.node import NodeRules
from kube.client.transport import Reply, Stream
from kube.objects import encode
from kube.objects.value import Object

_BOOKMARK = (
    b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"1",'
    b'"annotations":{"k8s.io/initial-events-end":"true"}}}}'
)


class FakeApi:
    """A Transport. `held` kinds do not say that their list is complete until they are let go."""

    def __init__(self, *objects: Object) -> None:
        self._objects: dict[str, list[Object]] = {}
        self._streams: dict[str, list[asyncio.Queue[bytes]]] = {}
        self.held: set[str] = set()
        self.missing: set[str] = set()
        self.let_go = asyncio.Event()
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        for obj in objects:
            self._objects.setdefault(type(obj).resource.plural, []).append(obj)

    def put(self, obj: Object, event: str = "MODIFIED") -> None:
        for queue in self._streams.get(type(obj).resource.plural, []):
            queue.put_nowait(_line(event, obj))

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        if path.endswith("/servicecidrs"):
            status = 404 if "servicecidrs" in self.missing else 200
            return Reply(
                status, {}, b'{"kind":"Status","code":404,"reason":"NotFound","message":"no such kind"}'
            )
        raise AssertionError(f"{method} {path}: the driver only watches")

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[Stream]:
        self.asked.append((path, dict(query)))
        plural = path.rpartition("/")[2]
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._streams.setdefault(plural, []).append(queue)
        yield Stream(200, self._lines(plural, queue))

    async def _lines(self, plural: str, queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
        for obj in self._objects.get(plural, []):
            yield _line("ADDED", obj)
        if plural in self.held:
            await self.let_go.wait()
        yield _BOOKMARK
        while True:
            yield await queue.get()

    async def close(self) -> None:
        pass


def _line(event: str, obj: Object) -> bytes:
    resource = type(obj).resource
    body = encode(obj)
    head = f'{{"kind":"{resource.kind}","apiVersion":"{resource.api_version}",'.encode()
    return b'{"type":"' + event.encode() + b'","object":' + head + body[1:] + b"}"


class FakeBackend:
    """Keeps what it was told, and refuses when it should."""

    name = "fake"

    def __init__(self) -> None:
        self.calls: list[set[ServicePortName] | None] = []
        self.table: dict[ServicePortName, object] = {}
        self.node: NodeRules | None = None
        self.refuse = 0
        self.distrusted = 0
        self.settled = 0
        self.leftovers = False
        self.synced = asyncio.Event()

    def sync(self, table: ForwardingTable, only: set[ServicePortName] | None = None) -> SyncReport:
        self.calls.append(None if only is None else set(only))
        if self.refuse:
            self.refuse -= 1
            raise BackendError("not today")
        self.table = dict(table)
        self.synced.set()
        return SyncReport(full=only is None, operations=1)

    def set_node(self, node: NodeRules) -> None:
        self.node = node

    def distrust(self) -> None:
        self.distrusted += 1

    @property
    def has_leftovers(self) -> bool:
        return self.leftovers

    def settle(self) -> SyncReport:
        self.settled += 1
        self.leftovers = False
        return SyncReport(full=False, operations=0)

    def is_intact(self) -> bool:
        return True

    def watch(self) -> Watch | None:
        return None

    def cleanup(self) -> None:
        self.table = {}

    def close(self) -> None:
        pass
