"""Requests to the API server are counted, a watch once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.metrics.measured import observer
from kube.client import Unreachable
from kube.client.measured_socket import MeasuredTransport
from kube.client.transport import Reply, Stream


class _Server:
    def __init__(self, status: int | None) -> None:
        self._status = status

    def _answer(self) -> int:
        if self._status is None:
            raise Unreachable("nobody there")
        return self._status

    async def request(self, *_: Any, **__: Any) -> Reply:
        return Reply(self._answer(), {}, b"")

    @asynccontextmanager
    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[Stream]:
        yield Stream(self._answer(), self._lines())

    async def _lines(self) -> AsyncIterator[bytes]:
        yield b"{}"

    async def close(self) -> None:
        pass


async def _request(transport: MeasuredTransport) -> None:
    await transport.request("POST", "/x", query={}, headers={}, body=b"")


async def _watch(transport: MeasuredTransport) -> None:
    async with transport.stream("/x", query={}, headers={}) as stream:
        assert [line async for line in stream.lines] == [b"{}"]


@pytest.mark.parametrize(("status", "code"), [(201, "201"), (410, "410"), (None, "<error>")])
@pytest.mark.parametrize(("ask", "method"), [(_request, "POST"), (_watch, "GET")])
def test_what_was_answered_is_counted(ask: Any, method: str, status: int | None, code: str) -> None:
    metrics = ProxyMetrics()
    transport = MeasuredTransport(_Server(status), observer("api:6443", metrics))
    if status is None:
        with pytest.raises(Unreachable):
            asyncio.run(ask(transport))
    else:
        asyncio.run(ask(transport))
    assert metrics.requests.value(code, "api:6443", method) == 1
    assert metrics.request_duration.count("api:6443", method) == 1


def test_a_watch_that_breaks_is_not_counted_again() -> None:
    metrics = ProxyMetrics()

    async def broken() -> None:
        async with MeasuredTransport(_Server(200), observer("h", metrics)).stream("/x", query={}, headers={}):
            raise Unreachable("gone")

    with pytest.raises(Unreachable):
        asyncio.run(broken())
    assert metrics.requests.value("200", "h", "GET") == 1
    assert metrics.requests.value("<error>", "h", "GET") == 0
