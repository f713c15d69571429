"""A server in memory and a caller that speaks JSON to it through LocalTransport."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import msgspec
import pytest

from kube.apiserver.core import ApiServer
from kube.apiserver.local import LocalTransport
from kube.apiserver.outbound.calls import Caller as Caller_
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.apiserver.state import Settings
from kube.client.transport import Reply
from kube.store import Store

ADMIN = User("admin", ("system:masters", "system:authenticated"))
JSON = {"content-type": "application/json"}


class Answered(Exception):
    """A reply whose status was not the expected one."""


class Caller:
    """Requests as a client sends them; bodies are JSON values."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.api = server.api
        self.transport = LocalTransport(server, ADMIN, user_agent="test/1")

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        data = body if isinstance(body, bytes) else b"" if body is None else msgspec.json.encode(body)
        return await self.transport.request(
            method, path, query=query or {}, headers={**JSON, **(headers or {})}, body=data
        )

    async def do(
        self, method: str, path: str, body: Any = None, *, expect: int = 200, **more: Any
    ) -> dict[str, Any]:
        reply = await self.send(method, path, body, **more)
        if reply.status != expect:
            raise Answered(f"{method} {path}: {reply.status} {reply.body.decode()}")
        decoded: dict[str, Any] = msgspec.json.decode(reply.body)
        return decoded

    async def get(self, path: str, *, expect: int = 200, **query: str) -> dict[str, Any]:
        return await self.do("GET", path, expect=expect, query=query)

    async def create(self, path: str, body: Any, *, expect: int = 201, **query: str) -> dict[str, Any]:
        return await self.do("POST", path, body, expect=expect, query=query)

    async def patch(
        self, path: str, body: Any, *, kind: str = "merge-patch+json", expect: int = 200, **query: str
    ) -> dict[str, Any]:
        headers = {"content-type": f"application/{kind}"}
        return await self.do("PATCH", path, body, expect=expect, query=query, headers=headers)

    @asynccontextmanager
    async def watch(
        self, path: str, *, headers: Mapping[str, str] | None = None, **query: str
    ) -> AsyncIterator["Events"]:
        async with self.transport.stream(
            path, query={"watch": "true", **query}, headers=headers or {}
        ) as stream:
            yield Events(stream.status, stream.lines)


class Events:
    """Decoded events of a watch."""

    def __init__(self, status: int, lines: AsyncIterator[bytes]) -> None:
        self.status = status
        self.lines = lines

    async def next(self) -> dict[str, Any]:
        async with asyncio.timeout(90):
            decoded: dict[str, Any] = msgspec.json.decode(await anext(self.lines))
        return decoded

    async def pair(self) -> tuple[str, str]:
        """Type and name."""
        event = await self.next()
        return event["type"], event["object"]["metadata"].get("name", "")

    async def ended(self) -> bool:
        async with asyncio.timeout(90):
            return await anext(self.lines, None) is None


Body = Callable[[Caller], Awaitable[None]]
Run = Callable[..., None]


@pytest.fixture
def run() -> Run:
    """run(body): body(caller) against a fresh server."""

    def run_(
        body: Body,
        *,
        settings: Settings | None = None,
        store: Store | None = None,
        calls: Caller_ | None = None,
    ) -> None:
        async def main() -> None:
            async with in_memory(
                settings, rng=Random(7), store=store, callouts=calls, extension_calls=calls
            ) as server:
                await body(Caller(server))

        asyncio.run(main())

    return run_


def config_map(name: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, **more}


def pod(name: str, **spec: Any) -> dict[str, Any]:
    labels = spec.pop("labels", {"app": name})
    containers = [{"name": "c", "image": "podnet/toolbox"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": containers, **spec},
    }


@pytest.fixture
def make() -> Any:
    """Builders: make.config_map(name), make.pod(name)."""

    class Make:
        config_map = staticmethod(config_map)
        pod = staticmethod(pod)

    return Make
