"""Times from a change to its rules."""

import msgspec

from kproxy.metrics.programming import Triggers
from kube.objects import EndpointSlice, NamespacedName

_KEY = NamespacedName("ns", "web-1")


def _slice(stamp: str | None) -> EndpointSlice:
    annotations = {} if stamp is None else {"endpoints.kubernetes.io/last-change-trigger-time": stamp}
    return msgspec.convert({"metadata": {"name": "web-1", "annotations": annotations}}, EndpointSlice)


def test_the_first_of_several_changes_counts_once() -> None:
    triggers = Triggers(started_at=0)
    triggers.note(_KEY, _slice("1970-01-01T00:01:40Z"))
    triggers.note(_KEY, _slice("1970-01-01T00:01:45.123456789Z"))
    assert triggers.done(103.5) == [3.5]
    assert triggers.done(104) == []


def test_what_was_before_the_start_and_what_is_no_time_does_not_count() -> None:
    triggers = Triggers(started_at=200)
    for stamp in ("1970-01-01T00:01:40Z", "yesterday", None):
        triggers.note(_KEY, _slice(stamp))
    assert triggers.done(300) == []
