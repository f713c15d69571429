"""The options of `cache`."""

from __future__ import annotations

import msgspec

from dns.corefile.blocks import Line
from dns.corefile.config import normalize_zones
from dns.handlers.site import duration_s, no_args, one_line, one_word, unknown_option, whole_number

DEFAULT_CAPACITY = 9984
# As CoreDNS has it (256 shards of at least 4); `disable` is what switches a cache off.
LEAST_CAPACITY = 1024
MAX_TTL_S = 3600
MAX_NEGATIVE_TTL_S = 1800
MIN_TTL_S = 5
FAILURE_TTL_S = 5.0
MAX_RECHECK_S = 300.0


class Options(msgspec.Struct, frozen=True, kw_only=True):
    zones: tuple[str, ...]
    success_capacity: int = DEFAULT_CAPACITY
    success_ttl_s: tuple[int, int] = (MIN_TTL_S, MAX_TTL_S)
    denial_capacity: int = DEFAULT_CAPACITY
    denial_ttl_s: tuple[int, int] = (MIN_TTL_S, MAX_NEGATIVE_TTL_S)
    failure_ttl_s: float = FAILURE_TTL_S
    success_off: tuple[str, ...] = ()
    denial_off: tuple[str, ...] = ()
    prefetch_count: int = 0
    prefetch_span_s: float = 60.0
    prefetch_percent: int = 10
    stale_s: float = 0.0
    stale_verify: bool = False
    verify_s: float = 0.0  # how long a fresh answer is waited for; 0: as long as it takes
    stale_ttl_s: int = 0  # what stale answers carry
    recheck_s: float = 0.0  # how long after a failed refresh nothing is asked again
    prefer_positive: bool = False
    keep_ttl: bool = False


def parse(lines: tuple[Line, ...], zones: tuple[str, ...]) -> Options:
    line = one_line(lines)
    words = list(line.args)
    settings: dict[str, object] = {}
    if words and words[0].text.lstrip("-").isdigit():
        ttl_s = whole_number(line, words.pop(0).text, 1)
        settings["success_ttl_s"] = (min(MIN_TTL_S, ttl_s), ttl_s)
        settings["denial_ttl_s"] = (min(MIN_TTL_S, ttl_s), ttl_s)
    own = [zone for token in words for zone in normalize_zones(token.text, token)]
    for option in line.body:
        if option.name.text == "serve_stale_policy" and "prefer_positive" in settings:
            raise option.error("serve_stale_policy may stand once")
        settings |= _option(option, zones=own or list(zones))
    if settings.get("prefer_positive") and "stale_s" not in settings:
        raise line.error("serve_stale_policy needs serve_stale")
    return Options(zones=tuple(own) or zones, **settings)  # type: ignore[arg-type]


def _option(line: Line, *, zones: list[str]) -> dict[str, object]:
    words = line.words
    match line.name.text:
        case "success" | "denial" as which:
            return _limits(line, which)
        case "prefetch":
            return _prefetch(line)
        case "serve_stale":
            return _stale(line)
        case "serve_stale_policy":
            if one_word(line).lower() != "prefer_positive":
                raise line.error(f"serve_stale_policy takes prefer_positive, found {words[0]!r}")
            return {"prefer_positive": True}
        case "servfail":
            seconds = duration_s(line, one_word(line))
            if not 0 <= seconds <= 300:
                raise line.error(f"servfail is at most 5m: {words[0]}")
            return {"failure_ttl_s": seconds}
        case "disable":
            if not words or words[0] not in {"success", "denial"}:
                raise line.error("disable takes success or denial, and zones if wanted")
            off = [zone for token in line.args[1:] for zone in normalize_zones(token.text, token)]
            return {f"{words[0]}_off": tuple(off or zones)}
        case "keepttl":
            no_args(line)
            return {"keep_ttl": True}
        case _:
            raise unknown_option("cache", line)


def _limits(line: Line, which: str) -> dict[str, object]:
    """`success CAPACITY [TTL] [MINTTL]`."""
    if not 1 <= len(line.args) <= 3:
        raise line.error(f"{which} takes a capacity and, if wanted, a longest and a shortest TTL")
    capacity = max(whole_number(line, line.words[0], 0), LEAST_CAPACITY)
    if len(line.args) == 1:
        return {f"{which}_capacity": capacity}
    high = whole_number(line, line.words[1], 0)
    low = whole_number(line, line.words[2], 0) if len(line.args) > 2 else min(MIN_TTL_S, high)
    return {f"{which}_capacity": capacity, f"{which}_ttl_s": (low, high)}


def _prefetch(line: Line) -> dict[str, object]:
    """`prefetch AMOUNT [DURATION] [PERCENTAGE%]`."""
    if not 1 <= len(line.args) <= 3:
        raise line.error("prefetch takes an amount, and if wanted a duration and a percentage")
    found: dict[str, object] = {"prefetch_count": whole_number(line, line.words[0], 0)}
    if len(line.args) > 1:
        found["prefetch_span_s"] = duration_s(line, line.words[1])
    if len(line.args) > 2:
        if not line.words[2].endswith("%"):
            raise line.error(f"prefetch: {line.words[2]!r} is no percentage such as 10%")
        found["prefetch_percent"] = whole_number(line, line.words[2][:-1], 10, 90)
    return found


def _stale(line: Line) -> dict[str, object]:
    """`serve_stale [DURATION] [immediate [TTL [RECHECK]] | verify [TIMEOUT [TTL [RECHECK]]]]`."""
    found: dict[str, object] = {"stale_s": 3600.0}
    if line.args:
        found["stale_s"] = duration_s(line, line.words[0])
    if len(line.args) > 1:
        if line.words[1].lower() not in {"immediate", "verify"}:
            raise line.error(f"serve_stale takes immediate or verify, found {line.words[1]!r}")
        found["stale_verify"] = line.words[1].lower() == "verify"
    rest = list(line.words[2:])
    if rest and found.get("stale_verify"):
        found["verify_s"] = duration_s(line, rest.pop(0))
    if rest:
        ttl_s = duration_s(line, rest.pop(0))
        if ttl_s != int(ttl_s) or ttl_s >= 1 << 32:
            raise line.error("serve_stale: the TTL of stale answers is a whole number of seconds below 2^32")
        found["stale_ttl_s"] = int(ttl_s)
    if rest:
        found["recheck_s"] = duration_s(line, rest.pop(0))
        if float(str(found["recheck_s"])) > MAX_RECHECK_S:
            raise line.error("serve_stale: a failed refresh is tried again after at most 5m")
    if rest:
        raise line.error(f"serve_stale: {rest[0]!r} is one argument too many")
    return found
