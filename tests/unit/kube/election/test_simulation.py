"""Contenders against the real server in memory, on a virtual clock; their connections break in every way."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from itertools import pairwise
from random import Random

import pytest

from kube.apiserver.core import ApiServer
from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.client import Client
from kube.client.errors import Unreachable
from kube.client.transport import Reply
from kube.election import Elector
from kube.objects import Lease
from tests.unit.kube.controllers.virtual import run, wall_clock

ADMIN = User("admin", ("system:masters", "system:authenticated"))


class Line(LocalTransport):
    """A connection that can be cut, hang, or lose the reply of what was done."""

    mode = "up"
    delay_s = 0.0

    async def request(
        self, method: str, path: str, *, query: Mapping[str, str], headers: Mapping[str, str], body: bytes
    ) -> Reply:
        await asyncio.sleep(self.delay_s)
        if self.mode == "cut":
            raise Unreachable("cut")
        if self.mode == "hangs":
            await asyncio.Event().wait()
        reply = await super().request(method, path, query=query, headers=headers, body=body)
        if self.mode == "deaf":
            raise Unreachable("the reply is lost")
        await asyncio.sleep(self.delay_s)
        return reply


class Contender:
    """One process: its connection, its clock's error, and when it led."""

    def __init__(self, server: ApiServer, name: str, *, skew_s: float = 0) -> None:
        self.line = Line(server, ADMIN, user_agent=name)
        self.name = name
        self.led: list[tuple[float, float | None]] = []
        self.elector = Elector(
            Client(self.line), "job", name, wall_clock=lambda: wall_clock() + skew_s, rng=Random(name)
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def leads(self) -> bool:
        return bool(self.led) and self.led[-1][1] is None

    def start(self) -> None:
        self._task = asyncio.create_task(self.elector.run(self._lead))

    async def _lead(self) -> None:
        began = now()
        self.led.append((began, None))
        try:
            await asyncio.Event().wait()
        finally:
            self.led[-1] = (began, now())

    async def stop(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait((self._task,))

    async def crash(self) -> None:
        """It is gone without a word."""
        self.line.mode = "cut"
        await self.stop()


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def server() -> AsyncIterator[ApiServer]:
    async with in_memory(clock=wall_clock, rng=Random(1)) as api:
        yield api


async def lease(contender: Contender) -> Lease:
    return await Client(LocalTransport(contender.line._server, ADMIN, user_agent="test")).get(
        Lease, "job", "kube-system"
    )


def test_one_leads_and_renews_the_other_waits() -> None:
    async def main() -> None:
        async with server() as api:
            a, b = Contender(api, "a"), Contender(api, "b", skew_s=7200)
            a.start()
            await asyncio.sleep(1)
            b.start()
            await asyncio.sleep(100)
            assert (a.leads, b.leads, b.led) == (True, False, [])
            found = (await lease(a)).spec
            assert (found.holder_identity, found.lease_transitions, found.lease_duration_seconds) == (
                "a",
                0,
                15,
            )
            assert found.renew_time is not None
            assert found.acquire_time is not None
            assert found.renew_time > found.acquire_time
            await a.stop()
            await b.stop()

    run(main())


def test_a_leader_that_stops_gives_the_lease_back_and_the_next_leads_within_one_retry() -> None:
    async def main() -> None:
        async with server() as api:
            a, b = Contender(api, "a"), Contender(api, "b")
            a.start()
            await asyncio.sleep(1)
            b.start()
            await asyncio.sleep(30)
            await a.stop()
            stopped = now()
            assert (await lease(a)).spec.holder_identity == ""
            await asyncio.sleep(5)
            assert b.leads
            assert b.led[0][0] - stopped <= 4.4
            assert (await lease(a)).spec.lease_transitions == 1
            await b.stop()

    run(main())


def test_a_leader_that_crashed_is_followed_when_its_lease_stood_still_for_its_duration() -> None:
    async def main() -> None:
        async with server() as api:
            a, b = Contender(api, "a"), Contender(api, "b", skew_s=-7200)
            a.start()
            await asyncio.sleep(1)
            b.start()
            await asyncio.sleep(30)
            await a.crash()
            crashed = now()
            await asyncio.sleep(30)
            assert 13 <= b.led[0][0] - crashed <= 15 + 4.4 * 2
            assert (await lease(b)).spec.lease_transitions == 1
            await b.stop()

    run(main())


@pytest.mark.parametrize("mode", ["cut", "hangs", "deaf"])
def test_a_short_outage_costs_nothing_a_long_one_ends_the_work_before_another_begins(mode: str) -> None:
    async def main() -> None:
        async with server() as api:
            a, b = Contender(api, "a"), Contender(api, "b")
            a.start()
            await asyncio.sleep(1)
            b.start()
            await asyncio.sleep(30)
            a.line.mode = mode
            await asyncio.sleep(7)
            a.line.mode = "up"
            await asyncio.sleep(30)
            assert (len(a.led), a.leads) == (1, True)
            a.line.mode = mode
            cut = now()
            await asyncio.sleep(60)
            ended = a.led[0][1]
            assert ended is not None
            assert 7 <= ended - cut <= 10
            if mode != "deaf":  # whose writes go on, as everybody can read
                assert b.leads
                assert b.led[0][0] > ended
            await a.stop()
            await b.stop()

    run(main())


def test_a_lease_given_to_another_by_hand_is_lost_at_once() -> None:
    async def main() -> None:
        async with server() as api:
            a = Contender(api, "a")
            a.start()
            await asyncio.sleep(30)
            client = Client(LocalTransport(api, ADMIN, user_agent="test"))
            await client.patch(Lease, "job", "kube-system", {"spec": {"holderIdentity": "operator"}})
            await asyncio.sleep(2.5)
            assert a.led[0][1] is not None
            await asyncio.sleep(30)
            assert len(a.led) == 2  # the operator did not renew it
            await a.stop()

    run(main())


def test_a_deleted_lease_is_made_again_by_its_holder() -> None:
    async def main() -> None:
        async with server() as api:
            a = Contender(api, "a")
            a.start()
            await asyncio.sleep(30)
            await Client(LocalTransport(api, ADMIN, user_agent="test")).delete(Lease, "job", "kube-system")
            await asyncio.sleep(10)
            assert (await lease(a)).spec.holder_identity == "a"
            assert a.leads
            await a.stop()

    run(main())


def test_work_that_ends_or_fails_gives_the_lease_back() -> None:
    async def main() -> None:
        async with server() as api:
            a = Contender(api, "a")

            async def ends() -> None:
                await asyncio.sleep(3)

            async def fails() -> None:
                raise RuntimeError("broken")

            await a.elector.run(ends)
            assert (await lease(a)).spec.holder_identity == ""
            with pytest.raises(RuntimeError, match="broken"):
                await a.elector.run(fails)
            assert (await lease(a)).spec.holder_identity == ""

    run(main())


@pytest.mark.parametrize("seed", range(12))
def test_never_do_two_lead_at_once_and_somebody_leads_in_the_end(seed: int) -> None:
    async def main() -> None:
        rng = Random(seed)
        async with server() as api:
            contenders = [Contender(api, name, skew_s=rng.uniform(-1e5, 1e5)) for name in "abc"]
            for contender in contenders:
                contender.start()
            for _ in range(150):
                contender = rng.choice(contenders)
                contender.line.mode = rng.choice(["up", "up", "cut", "hangs", "deaf"])
                contender.line.delay_s = rng.choice([0, 0, 0.5, 3.0])
                if rng.random() < 0.1:
                    await contender.stop()
                    contender.start()
                await asyncio.sleep(rng.expovariate(1 / 6))
            for contender in contenders:
                contender.line.mode, contender.line.delay_s = "up", 0
            await asyncio.sleep(30)
            assert sum(contender.leads for contender in contenders) == 1
            for contender in contenders:
                await contender.stop()
            spans = sorted(span for contender in contenders for span in contender.led)
            assert len(spans) > 1
            for (_, ended), (began, _) in pairwise(spans):
                assert ended is not None
                assert ended <= began

    run(main())
