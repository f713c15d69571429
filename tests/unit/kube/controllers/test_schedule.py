"""Cron expressions."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kube.controllers.cronjob import schedule


def at(text: str, zone: str = "") -> float:
    return datetime.fromisoformat(text).replace(tzinfo=schedule.zone_of(zone)).timestamp()


@pytest.mark.parametrize(
    ("expression", "now", "expected"),
    [
        ("* * * * *", "2027-01-15T08:00:30", "2027-01-15T08:01:00"),
        ("* * * * *", "2027-01-15T08:00:00", "2027-01-15T08:01:00"),
        ("*/15 * * * *", "2027-01-15T08:46:00", "2027-01-15T09:00:00"),
        ("5/20 * * * *", "2027-01-15T08:06:00", "2027-01-15T08:25:00"),
        ("0 9-17 * * MON-FRI", "2027-01-15T17:00:00", "2027-01-18T09:00:00"),
        ("30 4 1,15 * 5", "2027-01-02T00:00:00", "2027-01-08T04:30:00"),
        ("0 0 1 * *", "2027-01-15T08:00:00", "2027-02-01T00:00:00"),
        ("0 0 * * 7", "2027-01-15T08:00:00", "2027-01-17T00:00:00"),
        ("0 0 29 FEB ?", "2027-01-15T08:00:00", "2028-02-29T00:00:00"),
        ("@hourly", "2027-01-15T08:00:01", "2027-01-15T09:00:00"),
        ("@weekly", "2027-01-15T08:00:00", "2027-01-17T00:00:00"),
        ("@every 1h30m", "2027-01-15T08:00:00", "2027-01-15T09:30:00"),
    ],
)
def test_the_next_time(expression: str, now: str, expected: str) -> None:
    found = schedule.parse(expression).after(at(now))
    assert found is not None
    assert datetime.fromtimestamp(found, UTC).strftime("%Y-%m-%dT%H:%M:%S") == expected


def test_a_time_that_never_comes() -> None:
    assert schedule.parse("0 0 31 2 *").after(at("2027-01-15T08:00:00")) is None


def test_a_zone_moves_the_time_and_a_clock_change_skips_or_runs_once() -> None:
    try:
        berlin = schedule.zone_of("Europe/Berlin")
    except ValueError:
        pytest.skip("this machine has no time zones: install tzdata")
    daily = schedule.parse("30 2 * * *")
    before_spring = at("2027-03-27T03:00:00", "Europe/Berlin")
    assert daily.after(before_spring, berlin) == at("2027-03-29T02:30:00", "Europe/Berlin")
    first = daily.after(at("2027-10-30T12:00:00", "Europe/Berlin"), berlin)
    assert first == at("2027-10-31T02:30:00", "Europe/Berlin")
    assert first is not None
    assert daily.after(first, berlin) == at("2027-11-01T02:30:00", "Europe/Berlin")


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "* * * *",
        "60 * * * *",
        "* 24 * * *",
        "* * 0 * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "a * * * *",
        "TZ=UTC * * * * *",
        "@every x",
    ],
)
def test_nonsense_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"schedule|TZ"):
        schedule.parse(expression)
