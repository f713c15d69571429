"""What passes along a server block's handlers: a Request down, a Response (or one that is awaited) back up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from threading import Lock
from typing import TypeAlias

import msgspec
from msgspec.structs import replace

from dns.wire import numbers
from dns.wire.query import Query
from dns.wire.records import Record

# (how often, bytes of each answer, seconds each took): what is counted for an answer, also when it is repeated.
Observer = Callable[[int, int, float], None]


class Request(msgspec.Struct, frozen=True, gc=False):
    """One question and where it came from. `zone` is the server block's zone that matched."""

    query: Query
    client: str = "127.0.0.1"
    client_port: int = 0
    proto: str = "udp"  # udp, tcp, tls
    server: str = "dns://:53"
    zone: str = "."
    depth: int = 0  # 1 and more: asked by one of our own handlers
    explain: bool = False  # say in Response.trace how the answer came about
    local: str = ""  # the address it was sent to
    reply: tuple[int, bytes] | None = (
        None  # another server's, which was asked already; b"": it did not answer
    )


class Lifetime(msgspec.Struct, frozen=True, gc=False):
    """How long the same bytes may be given the same answer: until one of `keys` changes, or this second only."""

    keys: tuple[str, ...] = ()
    volatile: bool = False


FOREVER = Lifetime()
THIS_SECOND = Lifetime(volatile=True)


class Response(msgspec.Struct, frozen=True, gc=False):
    """`written` False: a bare status that the server turns into an answer (CoreDNS's rcode without a message)."""

    rcode: int = numbers.NOERROR
    answer: tuple[Record, ...] = ()
    authority: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    flags: int = 0  # AA, TC, RA, AD
    plugin: str = ""
    lifetime: Lifetime | None = None  # None: never again
    written: bool = True
    silent: bool = False  # send nothing
    shuffle: bool = False  # addresses in changing order
    error: str = ""  # for the log
    reason: tuple[int, str] | None = None  # extended error code and text, for clients with EDNS
    options: tuple[tuple[int, bytes], ...] | None = (
        None  # EDNS options; None: the client's, as far as they are echoed
    )
    recursion_desired: bool | None = None  # RD of the answer; None: the question's
    udp_bytes: int = 0  # no more than this over UDP, whatever the client said
    observers: tuple[Observer, ...] = ()
    trace: tuple[str, ...] = ()

    @property
    def truncated(self) -> bool:
        return bool(self.flags & numbers.TC)


class Later:
    """A response that comes by callback, from whichever thread has it. Costs a fraction of a coroutine and its task.

    Handlers add what they change on the way back; the last to arrive, response or receiver, carries it all out.
    """

    __slots__ = ("_changes", "_lock", "_receiver", "_response")

    def __init__(self) -> None:
        self._response: Response | None = None
        self._receiver: Callable[[Response], None] | None = None
        self._changes: list[Callable[[Response], Result]] = []
        self._lock = Lock()

    def add(self, change: Callable[[Response], Result]) -> None:
        """Before `on_done`, by the thread that passes this object on."""
        self._changes.append(change)

    def resolve(self, response: Response) -> None:
        """The response is there. Once."""
        with self._lock:
            self._response = response
            receiver = self._receiver
        if receiver is not None:
            self._deliver(response, receiver, 0)

    def on_done(self, receiver: Callable[[Response], None]) -> None:
        """Who gets the response. Once."""
        with self._lock:
            self._receiver = receiver
            response = self._response
        if response is not None:
            self._deliver(response, receiver, 0)

    def _deliver(self, response: Response, receiver: Callable[[Response], None], start: int) -> None:
        for index in range(start, len(self._changes)):
            try:
                result = self._changes[index](response)
            except Exception as problem:
                result = failed("", f"internal error: {problem!r}")
            if not isinstance(result, Response):
                rest = index + 1
                received_later(result, lambda found, rest=rest: self._deliver(found, receiver, rest))  # type: ignore[misc]
                return
            response = result
        receiver(response)

    def __await__(self) -> Generator[object, None, Response]:
        """For coroutines: in the event loop's thread."""
        import asyncio

        loop = asyncio.get_running_loop()
        future: asyncio.Future[Response] = loop.create_future()

        def done(response: Response) -> None:
            loop.call_soon_threadsafe(lambda: None if future.done() else future.set_result(response))

        self.on_done(done)
        return future.__await__()


def received_later(result: Later | Awaitable[Response], receiver: Callable[[Response], None]) -> None:
    """Hand a response that is not there yet to receiver; a coroutine's only in the event loop's thread."""
    if isinstance(result, Later):
        result.on_done(receiver)
        return
    import asyncio

    async def wait() -> None:
        receiver(await result)

    _running.add(task := asyncio.ensure_future(wait()))
    task.add_done_callback(_running.discard)


_running: set[object] = set()


Result: TypeAlias = Response | Later | Awaitable[Response]
Serve: TypeAlias = Callable[[Request], Result]


def failed(plugin: str, error: str, *, rcode: int = numbers.SERVFAIL, reason: int | None = None) -> Response:
    """No answer, and why."""
    return Response(
        rcode=rcode,
        plugin=plugin,
        written=False,
        error=error,
        reason=(numbers.EDE_OTHER if reason is None else reason, error),
    )


def then(result: Result, change: Callable[[Response], Result]) -> Result:
    """`change` applied to the response, now if it is there, else when it comes."""
    if isinstance(result, Response):
        return change(result)
    if isinstance(result, Later):
        result.add(change)
        return result
    return _awaited(result, change)


async def _awaited(awaited: Awaitable[Response], change: Callable[[Response], Result]) -> Response:
    result = change(await awaited)
    return result if isinstance(result, Response) else await result


def join(first: Lifetime | None, second: Lifetime | None) -> Lifetime | None:
    """As long as both hold."""
    if first is None or second is None:
        return None
    if not first.keys:
        return second if second.volatile or not first.volatile else Lifetime(second.keys, volatile=True)
    return Lifetime((*first.keys, *second.keys), first.volatile or second.volatile)


def once(response: Response) -> Response:
    """The same, but not to be repeated from memory."""
    return response if response.lifetime is None else replace(response, lifetime=None)


def observed(response: Response, observer: Observer) -> Response:
    return replace(response, observers=(*response.observers, observer))


def traced(request: Request, response: Response, line: str) -> Response:
    """With one more line of explanation in front, when one was asked for."""
    return replace(response, trace=(line, *response.trace)) if request.explain else response
