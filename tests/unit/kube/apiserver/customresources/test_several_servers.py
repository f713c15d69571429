"""Two servers on one store: what one defines, the other serves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

from kube.apiserver.run import in_memory
from kube.store.memory import MemoryStore
from tests.unit.kube.apiserver.conftest import Caller
from tests.unit.kube.apiserver.customresources.conftest import DEFINITIONS, THINGS, Object, definition, thing

PATH = f"{DEFINITIONS}/things.example.com"


@asynccontextmanager
async def two() -> AsyncIterator[tuple[Caller, Caller]]:
    store = MemoryStore()
    async with in_memory(store=store, rng=Random(1)) as one, in_memory(store=store, rng=Random(2)) as other:
        yield Caller(one), Caller(other)


async def gone(call: Caller) -> None:
    async with asyncio.timeout(90):
        while (await call.send("GET", PATH)).status != 404:  # noqa: ASYNC110 - only the API can tell
            await asyncio.sleep(0.005)


def test_a_kind_is_served_by_both_until_it_goes(free: Object) -> None:
    async def main() -> None:
        async with two() as (one, other):
            for _ in range(3):
                await one.create(DEFINITIONS, definition(free))
                await other.create(THINGS, thing("a", {"x": 1}))
                assert (await one.get(f"{THINGS}/a"))["spec"] == {"x": 1}
                await other.do("DELETE", PATH)
                await gone(one)
                assert (await other.send("GET", THINGS)).status == 404

    asyncio.run(main())


def test_no_object_is_left_behind_by_a_race(free: Object) -> None:
    """Objects are made while the definition goes: each is refused, or goes with it."""

    async def main() -> None:
        async with two() as (one, other):
            for round_ in range(20):
                await one.create(DEFINITIONS, definition(free))

                async def make(number: int) -> int:
                    await asyncio.sleep(number % 3 * 0.0005)
                    return (await other.send("POST", THINGS, thing(f"t{number}", {}))).status

                async def end() -> int:
                    await asyncio.sleep(0.0005)
                    return (await one.send("DELETE", PATH)).status

                codes = await asyncio.gather(*(make(number) for number in range(8)), end())
                assert set(codes) <= {200, 201, 404, 405}, (round_, codes)
                await gone(other)
                entries: Any = one.api.cache.collection("things.example.com").entries
                assert not entries

    asyncio.run(main())
