"""The work queue's meaning is client-go's."""

import asyncio
from collections.abc import Awaitable, Callable

from kube.watch import Backoff, WorkQueue


def in_loop(test: Callable[[WorkQueue[str]], Awaitable[None]]) -> None:
    async def run() -> None:
        await asyncio.wait_for(test(WorkQueue[str](first_delay_s=0.001)), 90)

    asyncio.run(run())


def test_a_key_added_twice_is_worked_on_once() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        queue.add("a")
        assert await queue.get() == "a"
        assert len(queue) == 0

    in_loop(test)


def test_a_key_that_changes_while_worked_on_comes_again_after_done() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add("a")
        await queue.get()
        queue.add("a")
        assert len(queue) == 0
        queue.done("a")
        assert await queue.get() == "a"

    in_loop(test)


def test_an_earlier_time_is_kept() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        queue.add_after("a", 0.01)
        queue.add_after("a", 60)
        queue.add_after("b", 60)
        queue.add_after("b", 0.02)
        assert [await queue.get(), await queue.get()] == ["a", "b"]

    in_loop(test)


def test_failures_wait_longer_until_forgotten() -> None:
    async def test(queue: WorkQueue[str]) -> None:
        for _ in range(3):
            queue.add_rate_limited("a")
            await queue.get()
            queue.done("a")
        assert queue.failure_count("a") == 3
        queue.forget("a")
        assert queue.failure_count("a") == 0

    in_loop(test)


class _Half:
    def random(self) -> float:
        return 0.5


def test_backoff_doubles_to_its_limit_and_starts_over() -> None:
    backoff = Backoff(_Half(), first_s=1, limit_s=4)  # type: ignore[arg-type]
    assert [backoff.next_s() for _ in range(4)] == [1.5, 3.0, 6.0, 6.0]
    backoff.succeeded()
    assert backoff.next_s() == 1.5
