"""Two candidates on one server: one works, the other takes over."""

import asyncio
from collections.abc import Callable
from random import Random

from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.client import Client
from kube.election import Elector, Terms

TERMS = Terms(lease_s=20.0, renew_deadline_s=15.0, retry_s=0.05)


async def eventually(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while True:
            if condition():
                return
            await asyncio.sleep(0.01)


def test_one_leads_and_the_other_follows_it() -> None:
    async def main() -> None:
        async with in_memory(rng=Random(1)) as server:
            client = Client(LocalTransport(server, User("test", ("system:masters",)), user_agent="test"))
            working: list[str] = []

            async def work(name: str) -> None:
                working.append(name)
                try:
                    await asyncio.Event().wait()
                finally:
                    working.remove(name)

            async def run(name: str) -> None:
                await Elector(client, "part", name, terms=TERMS, rng=Random(2)).run(lambda: work(name))

            tasks = {name: asyncio.ensure_future(run(name)) for name in "ab"}
            await eventually(lambda: bool(working))
            await asyncio.sleep(0.2)
            assert len(working) == 1
            first = working[0]
            tasks[first].cancel()
            await eventually(lambda: bool(working) and working[0] != first)
            assert len(working) == 1
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)

    asyncio.run(main())


def test_a_leader_whose_lease_is_stolen_stops() -> None:
    async def main() -> None:
        async with in_memory(rng=Random(1)) as server:
            client = Client(LocalTransport(server, User("test", ("system:masters",)), user_agent="test"))
            started, stopped = asyncio.Event(), asyncio.Event()

            async def work() -> None:
                started.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    stopped.set()

            task = asyncio.ensure_future(Elector(client, "part", "me", terms=TERMS).run(work))
            async with asyncio.timeout(90):
                await started.wait()
                path = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/part"
                patch = b'{"spec":{"holderIdentity":"thief","leaseDurationSeconds":60}}'
                headers = {"content-type": "application/merge-patch+json"}
                await client.raw("PATCH", path, headers=headers, body=patch)
                await stopped.wait()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
