import asyncio

from kube.store.etcd.progress import Progress


def test_those_who_wait_go_on_when_their_revision_is_there_and_not_before() -> None:
    async def main() -> None:
        progress = Progress(5)
        assert await progress.reach(5, 0)
        waiting = {n: asyncio.ensure_future(progress.reach(n, 5)) for n in (8, 6, 7)}
        await asyncio.sleep(0)
        progress.advance(7)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert {n for n, task in waiting.items() if task.done()} == {6, 7}
        progress.advance(3)
        assert progress.revision == 7
        progress.advance(9)
        assert all(await asyncio.gather(*waiting.values()))

    asyncio.run(main())


def test_a_revision_that_does_not_come_in_time_is_given_up() -> None:
    async def main() -> None:
        progress = Progress(5)
        assert not await progress.reach(6, 0.01)
        progress.advance(6)
        assert await progress.reach(6, 0)

    asyncio.run(main())
