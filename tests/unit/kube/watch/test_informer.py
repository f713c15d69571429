"""The informer against scripted servers: what is asked, and what is reported."""

import asyncio
import contextlib
import importlib.util
import sys
from pathlib import Path
from random import Random
from typing import Any

from kube.client import Client
from kube.objects import Service
from kube.watch import Informer

_spec = importlib.util.spec_from_file_location("scripted", Path(__file__).with_name("scripted.py"))
assert _spec
assert _spec.loader
scripted = importlib.util.module_from_spec(_spec)
sys.modules["scripted"] = scripted
_spec.loader.exec_module(scripted)
event, bookmark, listed = scripted.event, scripted.bookmark, scripted.listed


class _NoWait(Random):
    """Chance that makes every wait short."""

    def random(self) -> float:
        return -0.999


def observe(streams: list[Any], lists: list[bytes] | None = None) -> tuple[list[tuple[str, str]], Any]:
    """What `on_change` was told, as (what, name), until the script is used up; and the transport."""
    transport = scripted.ScriptedTransport(streams, lists or [])
    seen: list[tuple[str, str]] = []

    def on_change(key: Any, old: Any, new: Any) -> None:
        seen.append(("added" if old is None else "deleted" if new is None else "changed", key.name))

    async def run() -> None:
        informer = Informer(Client(transport), Service, on_change=on_change, rng=_NoWait(1))
        task = asyncio.create_task(informer.run())
        while transport.streams or not informer.synced:  # noqa: ASYNC110  # the script has no event to wait for
            await asyncio.sleep(0.001)
        for _ in range(20):
            await asyncio.sleep(0)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(run(), 90))
    return seen, transport


def test_streams_the_initial_state_up_to_the_annotated_bookmark() -> None:
    seen, transport = observe(
        [
            [
                event("ADDED", "a", 1),
                bookmark(5, ends_initial_events=True),
                event("ADDED", "b", 6),
                event("DELETED", "a", 7),
            ]
        ]
    )
    assert seen == [("added", "a"), ("added", "b"), ("deleted", "a")]
    assert transport.asked[0]["sendInitialEvents"] == "true"
    assert transport.asked[0]["resourceVersionMatch"] == "NotOlderThan"


def test_resumes_at_the_last_revision_it_heard_of() -> None:
    seen, transport = observe(
        [
            [bookmark(5, ends_initial_events=True), event("ADDED", "a", 6), bookmark(9)],
            [event("MODIFIED", "a", 10)],
        ]
    )
    assert seen == [("added", "a"), ("changed", "a")]
    assert transport.asked[1]["resourceVersion"] == "9"
    assert "sendInitialEvents" not in transport.asked[1]


def test_lists_where_the_server_refuses_to_stream_lists() -> None:
    seen, transport = observe([scripted.REFUSED, [event("ADDED", "b", 8)]], [listed(7, a=3)])
    assert seen == [("added", "a"), ("added", "b")]
    assert transport.asked[2]["resourceVersion"] == "7"


def test_after_410_only_the_difference_is_reported() -> None:
    seen, _ = observe(
        [
            [
                event("ADDED", "a", 1),
                event("ADDED", "b", 2),
                bookmark(5, ends_initial_events=True),
                scripted.gone(),
            ],
            [event("ADDED", "b", 2), event("ADDED", "c", 8), bookmark(9, ends_initial_events=True)],
        ]
    )
    assert seen == [("added", "a"), ("added", "b"), ("deleted", "a"), ("added", "c")]


def test_a_broken_connection_loses_nothing() -> None:
    seen, transport = observe(
        [
            scripted.LOST,
            [event("ADDED", "a", 1), scripted.LOST],
            [event("ADDED", "a", 1), bookmark(5, ends_initial_events=True), scripted.LOST],
            [event("MODIFIED", "a", 6)],
        ]
    )
    assert seen == [("added", "a"), ("changed", "a")]
    assert transport.asked[-1].get("resourceVersion") in ("5", "6")


def test_a_subscriber_that_comes_late_is_told_everything() -> None:
    async def run() -> list[str]:
        transport = scripted.ScriptedTransport(
            [[event("ADDED", "a", 1), bookmark(5, ends_initial_events=True)]], []
        )
        informer = Informer(Client(transport), Service)
        task = asyncio.create_task(informer.run())
        await informer.wait_synced()
        told: list[str] = []
        informer.subscribe(lambda key, _old, _new: told.append(key.name))
        task.cancel()
        return told

    assert asyncio.run(run()) == ["a"]
