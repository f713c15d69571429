"""Rounds of probes over time."""

import asyncio
from random import Random

import msgspec

from kube.objects.containers import Container
from nodeagent.pods.state import Health
from nodeagent.probes.drive import ProbeRounds

FAILING = {"exec": {"command": ["false"]}, "periodSeconds": 0, "failureThreshold": 2}


async def no_success(_argv: tuple[str, ...], _timeout_s: float) -> tuple[int, str]:
    return 1, "no"


def played(*, ending: bool, within_s: float, **probes: object) -> list[Health]:
    """What was said of a container whose probes all fail, with the first word or when the time is over."""
    seen: list[Health] = []

    async def main() -> None:
        container = msgspec.convert({"name": "main", **probes}, Container)
        rounds = ProbeRounds(container, "", no_success, lambda *_: None, seen.append, Random(1))
        if ending:
            rounds.end_liveness()
        going_on = asyncio.ensure_future(rounds.run(restarted=False))
        try:
            async with asyncio.timeout(within_s):
                while not seen:  # noqa: ASYNC110 - a list cannot be waited for
                    await asyncio.sleep(0.005)
        except TimeoutError:
            return
        finally:
            going_on.cancel()
            await asyncio.wait([going_on])

    asyncio.run(main())
    return seen


def test_a_failed_liveness_probe_asks_for_a_restart():
    assert [bool(each.failed_probe) for each in played(ending=False, within_s=60, livenessProbe=FAILING)] == [
        True
    ]


def test_of_a_pod_that_is_ending_nobody_asks_whether_it_lives():
    assert played(ending=True, within_s=0.1, livenessProbe=FAILING) == []
