"""Parts of timestamps and durations."""

import datetime as dt
import zoneinfo
from collections.abc import Callable
from typing import Any

from kube.apiserver.cel.errors import CelError
from kube.apiserver.cel.types import Overload, overload
from kube.apiserver.cel.values import NS, Duration, Timestamp, moment_of


def _in_zone(value: Timestamp, zone: str) -> dt.datetime:
    moment = moment_of(value)
    if not zone:
        return moment
    try:
        if zone[0] in "+-0123456789" and ":" in zone:
            hours, minutes = zone.lstrip("+-").split(":")
            offset = dt.timedelta(hours=int(hours), minutes=int(minutes))
            return moment.astimezone(dt.timezone(-offset if zone[0] == "-" else offset))
        return moment.astimezone(zoneinfo.ZoneInfo(zone))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError, OverflowError) as error:
        raise CelError(f"unknown time zone {zone}") from error


_PARTS: dict[str, Callable[[dt.datetime], int]] = {
    "getFullYear": lambda moment: moment.year,
    "getMonth": lambda moment: moment.month - 1,
    "getDate": lambda moment: moment.day,
    "getDayOfMonth": lambda moment: moment.day - 1,
    "getDayOfWeek": lambda moment: moment.isoweekday() % 7,
    "getDayOfYear": lambda moment: moment.timetuple().tm_yday - 1,
    "getHours": lambda moment: moment.hour,
    "getMinutes": lambda moment: moment.minute,
    "getSeconds": lambda moment: moment.second,
}


def _part(of: Callable[[dt.datetime], int]) -> Callable[..., Any]:
    return lambda value, zone="": of(_in_zone(value, zone))


def _whole(value: Duration, unit_ns: int) -> int:
    return value.ns // unit_ns if value.ns >= 0 else -(-value.ns // unit_ns)


def _rows() -> list[Overload]:
    rows = []
    for name, of in _PARTS.items():
        rows.append(overload(f"timestamp::{name}() -> int", _part(of)))
        rows.append(overload(f"timestamp::{name}(string) -> int", _part(of)))
    return rows


TABLE = (
    *_rows(),
    overload("timestamp::getMilliseconds() -> int", lambda value: value.ns % NS // 1_000_000),
    overload("timestamp::getMilliseconds(string) -> int", lambda value, _: value.ns % NS // 1_000_000),
    overload("duration::getHours() -> int", lambda value: _whole(value, 3600 * NS)),
    overload("duration::getMinutes() -> int", lambda value: _whole(value, 60 * NS)),
    overload("duration::getSeconds() -> int", lambda value: _whole(value, NS)),
    overload("duration::getMilliseconds() -> int", lambda value: _whole(value, 1_000_000)),
)
