"""How single values look in kubectl's columns."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

Object = dict[str, Any]

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"


def name_of(obj: Object) -> str:
    return str((obj.get("metadata") or {}).get("name", ""))


@lru_cache(4096)
def unix_s(time_text: str) -> float:
    """RFC 3339 text as unix time; 0 when it is not that."""
    try:
        return datetime.fromisoformat(time_text).timestamp()
    except ValueError:
        return 0.0


def since(time_text: str | None, now: float) -> str:
    """The age of a moment, UNKNOWN without one."""
    return human_duration(now - unix_s(time_text)) if time_text else UNKNOWN


def age(obj: Object, now: float) -> str:
    return since((obj.get("metadata") or {}).get("creationTimestamp"), now)


def human_duration(duration_s: float) -> str:
    """At most two units and about three figures: 95s, 3m42s, 17m, 5h3m, 30h, 3d4h, 200d, 3y20d."""
    seconds = int(duration_s)
    if seconds < -1:
        return "<invalid>"
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    minutes, hours = seconds // 60, seconds // 3600
    if minutes < 10:
        return _two(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _two(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    return _days(hours)


def _days(hours: int) -> str:
    days = hours // 24
    if days < 8:
        return _two(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    if days < 2920:
        return _two(days // 365, "y", days % 365, "d")
    return f"{days // 365}y"


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}{large_unit}{small}{small_unit}" if small else f"{large}{large_unit}"


def labels(values: Mapping[str, str] | None) -> str:
    """a=b,c=d in order of the keys."""
    return ",".join(f"{key}={value}" for key, value in sorted((values or {}).items())) or NONE


_OPERATORS = {"In": "in", "NotIn": "notin"}


def selector(value: Mapping[str, Any] | None) -> str:
    """A metav1.LabelSelector in the form that `kubectl get -l` takes."""
    if value is None:
        return NONE
    terms = [(key, f"{key}={text}") for key, text in (value.get("matchLabels") or {}).items()]
    for expression in value.get("matchExpressions") or ():
        key, operator = expression.get("key", ""), expression.get("operator", "")
        if operator in _OPERATORS:
            text = f"{key} {_OPERATORS[operator]} ({','.join(sorted(expression.get('values') or ()))})"
        else:
            text = f"!{key}" if operator == "DoesNotExist" else str(key)
        terms.append((key, text))
    return ",".join(text for _, text in sorted(terms)) or NONE


def containers(spec: Object | None) -> list[Any]:
    """The two cells of container names and images."""
    items = (spec or {}).get("containers") or ()
    return [
        ",".join(str(item.get("name", "")) for item in items),
        ",".join(str(item.get("image", "")) for item in items),
    ]


def template_spec(obj: Object) -> Object:
    spec: Object = ((obj.get("spec") or {}).get("template") or {}).get("spec") or {}
    return spec


def first_few(items: Sequence[str], count: int, limit: int = 3, separator: str = ",") -> str:
    """The first items, and how many of `count` are not shown."""
    shown = separator.join(items[:limit])
    return f"{shown} + {count - limit} more..." if count > limit else shown


def load_balancer(status: Object | None) -> str:
    """The addresses a load balancer reports."""
    ingress = ((status or {}).get("loadBalancer") or {}).get("ingress") or ()
    return ",".join(unique(item.get("ip") or item.get("hostname") or "" for item in ingress))


def unique(items: Iterable[str]) -> list[str]:
    return sorted({item for item in items if item})


def boolean(value: Any) -> str:
    return "True" if value else "False"


def condition(obj: Object, kind: str) -> Object:
    for item in (obj.get("status") or {}).get("conditions") or ():
        if item.get("type") == kind:
            found: Object = item
            return found
    return {}
