"""Cron expressions of five fields, names, steps and the @macros, in any time zone. Pure.

Day of month and day of week are alternatives when both are restricted, as in Vixie cron; a time that a clock change
skips is not run that day, one that it repeats runs once.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_MACROS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_YEARS_AHEAD = 5  # a 29 February may be that far


class Schedule(NamedTuple):
    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool  # the day of month is `*`
    any_weekday: bool
    every_s: float = 0.0  # of @every

    def _fits_day(self, at: datetime) -> bool:
        if at.month not in self.months:
            return False
        day, weekday = at.day in self.days, at.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return day and weekday
        return day or weekday

    def after(self, now: float, zone: tzinfo = UTC) -> float | None:
        """Unix seconds of the first time later than `now`; None when there is none within five years."""
        if self.every_s:
            return float(int(now) + int(self.every_s))
        at = datetime.fromtimestamp(now, zone).replace(second=0, microsecond=0, tzinfo=None)
        last = at + timedelta(days=366 * _YEARS_AHEAD)
        at += timedelta(minutes=1)
        while at < last:
            if not self._fits_day(at):
                at = (at + timedelta(days=1)).replace(hour=0, minute=0)
            elif at.hour not in self.hours:
                at = (at + timedelta(hours=1)).replace(minute=0)
            elif at.minute not in self.minutes:
                at += timedelta(minutes=1)
            else:
                found = at.replace(tzinfo=zone).timestamp()
                exists = datetime.fromtimestamp(found, zone).replace(tzinfo=None) == at
                if exists and found > now:
                    return found
                at += timedelta(minutes=1)
        return None


def parse(text: str) -> Schedule:
    """Raises ValueError that says which field is wrong."""
    text = text.strip()
    if text.startswith(("TZ=", "CRON_TZ=")):
        raise ValueError("cannot use TZ or CRON_TZ in schedule, use timeZone instead")
    if text.startswith("@every "):
        return _NEVER._replace(every_s=_duration_s(text.removeprefix("@every ").strip()))
    fields = _MACROS.get(text.lower(), text).split()
    if len(fields) != 5:
        raise ValueError(f"schedule {text!r}: expected exactly 5 fields, found {len(fields)}")
    minute, hour, day, month, weekday = fields
    return Schedule(
        minutes=_field(minute, 0, 59),
        hours=_field(hour, 0, 23),
        days=_field(day, 1, 31),
        months=_field(month, 1, 12, _MONTHS, 1),
        weekdays=frozenset(number % 7 for number in _field(weekday, 0, 7, _DAYS)),
        any_day=day[0] in "*?",
        any_weekday=weekday[0] in "*?",
    )


_NEVER = Schedule(
    frozenset(), frozenset(), frozenset(), frozenset(), frozenset(), any_day=True, any_weekday=True
)


def _field(text: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 0) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, slash, step_text = part.partition("/")
        step = _number(step_text, 1, high, (), 0) if slash else 1
        if span in ("*", "?"):
            start, end = low, high
        elif "-" in span:
            left, _, right = span.partition("-")
            start, end = _number(left, low, high, names, first), _number(right, low, high, names, first)
        else:
            start = _number(span, low, high, names, first)
            end = high if slash else start
        if start > end:
            raise ValueError(f"schedule field {text!r}: {start} is beyond {end}")
        found |= set(range(start, end + 1, step))
    return frozenset(found)


def _number(text: str, low: int, high: int, names: tuple[str, ...], first: int) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + first
    if not text.isdigit() or not low <= int(text) <= high:
        raise ValueError(f"schedule field {text!r}: expected a number from {low} to {high}")
    return int(text)


def _duration_s(text: str) -> float:
    """A Go duration of h, m and s."""
    total, number = 0.0, ""
    for char in text:
        if char.isdigit() or char == ".":
            number += char
        elif char in "hms" and number:
            total += float(number) * {"h": 3600, "m": 60, "s": 1}[char]
            number = ""
        else:
            raise ValueError(f"schedule: duration {text!r} is not like 1h30m")
    if number or total < 1:
        raise ValueError(f"schedule: duration {text!r} is not like 1h30m")
    return total


def zone_of(name: str | None) -> tzinfo:
    """UTC when none is named. Raises ValueError."""
    if not name:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"unknown time zone {name}") from error
