"""One client cannot starve others: long lists, slow readers, half a request, many connections."""

import asyncio
import ssl
import statistics
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from kube.client import Client
from tests.lab.kcore_process import Kcore

pytestmark = pytest.mark.lab

PATH = "/api/v1/namespaces/default/configmaps"
JSON = {"content-type": "application/json"}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
OBJECTS = 3000
AT_ONCE = 8  # of each client of a flood
Flood = Callable[[Client], Coroutine[None, None, None]]


@asynccontextmanager
async def flooded(flood: Flood, clients: list[Client]) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(without_end(flood, client)) for client in clients for _ in range(AT_ONCE)]
    await asyncio.sleep(0.5)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def usual_s(client: Client, times: int = 60) -> float:
    """Of reads and writes, the median: when the machine stands still, that meets a few of them."""
    took = []
    for number in range(times):
        began = time.perf_counter()
        if number % 2:
            await client.raw("GET", "/api/v1/namespaces/default")
        else:
            patch = msgspec.json.encode({"data": {"n": str(number)}})
            headers = {"content-type": "application/merge-patch+json"}
            await client.raw("PATCH", f"{PATH}/mine", headers=headers, body=patch)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.01)
    return statistics.median(took)


async def long_list(client: Client) -> None:
    await client.raw("GET", PATH, headers=TABLE)


async def selecting_list(client: Client) -> None:
    query = {"labelSelector": "nothing=" + "x" * 60, "fieldSelector": "metadata.name!=y"}
    await client.raw("GET", PATH, query=query)


async def without_end(flood: Flood, client: Client) -> None:
    while True:
        await flood(client)


@pytest.mark.parametrize("flood", [long_list, selecting_list])
def test_others_are_served_while_one_lists_without_end(tmp_path: Path, flood: Flood) -> None:
    core = Kcore(tmp_path / "data", "--fsync", "normal")

    async def main() -> None:
        me, *greedy = [core.client() for _ in range(5)]
        await me.raw("POST", PATH, headers=JSON, body=b'{"metadata":{"name":"mine"}}')

        async def fill(client: Client, start: int) -> None:
            for number in range(start, OBJECTS, len(greedy)):
                body = {"metadata": {"name": f"c{number}"}, "data": {"k": "v" * 500}}
                await client.raw("POST", PATH, headers=JSON, body=msgspec.json.encode(body))

        await asyncio.gather(*(fill(client, start) for start, client in enumerate(greedy)))
        alone_s = await usual_s(me)
        began = time.perf_counter()
        await flood(me)
        one_s = time.perf_counter() - began
        async with flooded(flood, greedy):
            took_s = await usual_s(me)
        print(
            flood.__name__, round(took_s, 3), "alone", round(alone_s, 3), "one of the flood", round(one_s, 3)
        )
        # Two rounds of the flood: this process, which reads all the lists, is the slower half of it.
        assert took_s < 2.0 + 20 * alone_s + 2 * one_s * len(greedy) * AT_ONCE
        for client in (me, *greedy):
            await client.close()

    core.start()
    try:
        asyncio.run(main())
    finally:
        core.end()


def test_slow_clients_hold_nobody_up_and_are_dropped(tmp_path: Path) -> None:
    """Half a request, a list that nobody reads, a watch that nobody reads, a connection that says nothing."""
    core = Kcore(tmp_path / "data", "--fsync", "normal")

    async def main() -> None:
        me = core.client()
        await me.raw("POST", PATH, headers=JSON, body=b'{"metadata":{"name":"mine"}}')
        for number in range(40):
            body = {"metadata": {"name": f"c{number}"}, "data": {"k": "v" * 500_000}}
            await me.raw("POST", PATH, headers=JSON, body=msgspec.json.encode(body))
        before = core.rss_bytes
        context = ssl.create_default_context(cafile=str(core.folder / "pki" / "ca.crt"))
        pki = core.folder / "pki"
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        writers = []
        for number in range(60):
            line = (b"GET /api/v1/name", f"GET {PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode(),
                    f"GET {PATH}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n".encode(), b"",
                    f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode())[number % 5]  # fmt: skip
            reader, writer = await asyncio.open_connection("127.0.0.1", core.port, ssl=context, limit=1024)
            reader._transport.pause_reading()  # type: ignore[attr-defined] # as one that does not read
            writer.write(line)
            writers.append(writer)
        assert await usual_s(me) < 5  # who is held up waits for a slow client, which is minutes
        grown = core.rss_bytes - before
        print("grown", grown / 1e6)
        assert grown < 500 << 20
        for writer in writers:
            writer.transport.abort()
        await me.close()

    core.start()
    try:
        asyncio.run(main())
    finally:
        core.end()
