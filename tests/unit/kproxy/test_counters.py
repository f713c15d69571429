"""Connections add up over counters that start anew."""

from kproxy.counters import SHOWN_MAX, Totals


def test_a_counter_that_starts_anew_goes_on() -> None:
    totals = Totals()
    for counted in (5, 8, 3, 3):
        totals.take({"ns/a:p": counted})
    assert totals.shown() == {"ns/a:p": 11}


def test_a_service_that_went_is_not_shown() -> None:
    totals = Totals()
    totals.take({"ns/a:p": 5, "ns/b:p": 1})
    totals.take({"ns/b:p": 2})
    assert totals.shown() == {"ns/b:p": 2}


def test_only_the_busiest_are_shown() -> None:
    totals = Totals()
    totals.take({f"ns/s{i}:p": i + 1 for i in range(SHOWN_MAX + 10)})
    shown = totals.shown()
    assert len(shown) == SHOWN_MAX
    assert "ns/s0:p" not in shown
    assert f"ns/s{SHOWN_MAX + 9}:p" in shown
