"""Limits of time towards etcd."""

import asyncio
import time

import pytest

from kube.store.etcd.gateway_socket import answered_within


def test_silence_is_a_timeout() -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            await answered_within(asyncio.get_running_loop().create_future(), 0.05)

    asyncio.run(main())


def test_time_in_which_this_process_stood_still_is_not_the_servers() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str] = loop.create_future()
        loop.call_later(0.05, time.sleep, 1.2)  # longer than the limit
        loop.call_later(1.3, answer.set_result, "here")
        return await answered_within(answer, 1.0)

    assert asyncio.run(main()) == "here"
