"""Events: written as kubectl shows them, counted up when they repeat, never more than a subject's share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from kube.apiserver.local import LocalTransport
from kube.apiserver.requests.request import User
from kube.apiserver.run import in_memory
from kube.apiserver.state import Settings
from kube.client import Client
from kube.events import Recorder
from kube.objects import Event, Namespace, Node, NodeSpec, ObjectMeta

ABOUT = Node(metadata=ObjectMeta(name="n", uid="u"), spec=NodeSpec())


def written(record: Callable[[Recorder], None], *, expected: int) -> list[Event]:
    """The events of `default` after the recorder has had the time to write."""

    async def main() -> list[Event]:
        async with in_memory(Settings(advertise_address="192.0.2.254")) as server:
            client = Client(LocalTransport(server, User("x", ("system:masters",)), user_agent="test"))
            recorder = Recorder(client, "kubelet", wall_clock=lambda: 1_800_000_000.5, host="n")
            task = asyncio.ensure_future(recorder.run())
            record(recorder)
            for _ in range(200):
                await asyncio.sleep(0)
            task.cancel()
            found = list((await client.list(Event, "default")).items)
            assert len(found) == expected
            return found

    return asyncio.run(main())


def test_an_event_says_who_what_when_and_about_whom() -> None:
    (event,) = written(
        lambda one: one.event(ABOUT, "Warning", "Sick", "it is sick", action="Look"), expected=1
    )
    assert (event.type, event.reason, event.message, event.count) == ("Warning", "Sick", "it is sick", 1)
    about = event.involved_object
    assert (about.kind, about.name, about.uid, about.api_version) == ("Node", "n", "u", "v1")
    assert (event.source.component, event.source.host, event.reporting_component) == (
        "kubelet",
        "n",
        "kubelet",
    )
    assert event.first_timestamp == event.last_timestamp == "2027-01-15T08:00:00Z"
    assert event.action == "Look"


@pytest.mark.parametrize("times", [2, 7])
def test_a_repeated_event_is_counted(times: int) -> None:
    def record(one: Recorder) -> None:
        for _ in range(times):
            one.event(ABOUT, "Normal", "Again", "again")

    (event,) = written(record, expected=1)
    assert event.count == times


def test_different_messages_are_different_events() -> None:
    def record(one: Recorder) -> None:
        one.event(ABOUT, "Normal", "A", "x")
        one.event(ABOUT, "Normal", "A", "y")
        one.event(ABOUT, "Normal", "A", "y", component="other")

    assert {event.source.component for event in written(record, expected=3)} == {"kubelet", "other"}


def test_a_subject_has_a_share() -> None:
    def record(one: Recorder) -> None:
        for number in range(60):
            one.event(ABOUT, "Normal", "Flood", f"message {number}")

    written(record, expected=25)


def test_a_refused_event_does_not_stop_the_next() -> None:
    missing = Namespace(metadata=ObjectMeta(name="x", namespace="no-such-namespace", uid="u"))

    def record(one: Recorder) -> None:
        one.event(missing, "Normal", "Lost", "nobody reads this")
        one.event(ABOUT, "Normal", "Kept", "this is read")

    assert written(record, expected=1)[0].reason == "Kept"
