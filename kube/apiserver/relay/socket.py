"""The far side of a relayed connection."""

import asyncio
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from kube.apiserver.outbound.calls import Place
from kube.apiserver.relay.response import ResponseRewriter
from kube.apiserver.requests.request import Relay

CONNECT_S = 10.0


class Near(Protocol):
    """The client's connection, as the far side sees it."""

    def write(self, data: bytes) -> None: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def finish(self) -> None:
        """Nothing more comes: flush and close."""
        ...


class FarSide(asyncio.Protocol):
    """Writes what it reads to the client; when it cannot keep up, the client is not read either."""

    def __init__(self, near: Near, rewriter: ResponseRewriter | None = None) -> None:
        self._near = near
        self._rewriter = rewriter
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from asyncio's

    def data_received(self, data: bytes) -> None:
        self._near.write(data if self._rewriter is None else self._rewriter.feed(data))

    def pause_writing(self) -> None:
        self._near.pause_reading()

    def resume_writing(self) -> None:
        self._near.resume_reading()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        if self._rewriter is not None:
            self._near.write(self._rewriter.finish())
        self._near.finish()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def connect(
    relay: Relay,
    near: Near,
    node_tls: Callable[[], ssl.SSLContext],
    rewriter: ResponseRewriter | None = None,
    place_tls: Callable[[Place], ssl.SSLContext] | None = None,
) -> FarSide:
    """Raises OSError (ssl.SSLError is one) and TimeoutError."""
    loop = asyncio.get_running_loop()
    context: ssl.SSLContext | None = None
    name = relay.host
    if relay.place is not None and place_tls is not None:
        context, name = place_tls(relay.place), relay.place.name
    elif relay.tls == "node":
        context = node_tls()
    elif relay.tls == "unchecked":
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    async with asyncio.timeout(CONNECT_S):
        _, far = await loop.create_connection(
            lambda: FarSide(near, rewriter),
            relay.host,
            relay.port,
            ssl=context,
            server_hostname=name if context is not None else None,
        )
    return far
