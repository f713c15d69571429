"""Go's durations (`1h30m`, `500ms`, `0`), which kube-proxy's flags and file are written in."""

import re

_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


def parse_duration_s(text: str) -> float:
    """Raises ValueError with what is wrong."""
    rest = text.strip().lstrip("+-")
    if rest == "0":
        return 0.0
    total_s, position = 0.0, 0
    while position < len(rest):
        part = _PART.match(rest, position)
        if part is None:
            break
        total_s += float(part[1]) * _UNITS_S[part[2]]
        position = part.end()
    if not rest or position < len(rest):
        raise ValueError(f"{text!r} is no duration: write it like 30s, 1m30s or 500ms")
    return -total_s if text.strip().startswith("-") else total_s


def format_duration(seconds: float) -> str:
    """As Go prints it: `1m0s`, `1h0m0s`, `500ms`."""
    if seconds < 0:
        return f"-{format_duration(-seconds)}"
    if seconds == 0:
        return "0s"
    if seconds < 1:
        return f"{seconds * 1000:g}ms"
    minutes, rest_s = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    text = f"{rest_s:g}s"
    if minutes or hours:
        text = f"{minutes}m{text}"
    return f"{hours}h{text}" if hours else text
