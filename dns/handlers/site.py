"""What the handlers of one server block are given, and what they may ask of the server around them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import msgspec

from dns.cluster.hits import ZoneOptions
from dns.cluster.zone import ClusterZone
from dns.corefile.blocks import Line
from dns.corefile.config import ServerBlock
from dns.handlers.request import Observer, Request, Response, Result
from dns.metrics import Registry

MAX_EXPRESSION_LENGTH = 10_000
# status, content type, body
HttpAnswer = tuple[int, str, bytes]


class HttpRoute(msgspec.Struct, frozen=True):
    """A path of an HTTP endpoint. Several routes may share an address."""

    address: str  # host:port, host may be empty
    path: str
    answer: Callable[[dict[str, str]], HttpAnswer]  # of the query's parameters
    plugin: str = ""


class Task(msgspec.Struct, frozen=True):
    """Work beside the answering, run in the event loop until the configuration is replaced."""

    name: str
    run: Callable[[], Awaitable[None]]
    asks_us: bool = False  # begins when the configuration is the one that answers


class World(msgspec.Struct):
    """One configuration's surroundings, shared by all its blocks. Clock, chance and files come in from outside."""

    clock: Callable[[], float]  # seconds, monotonic
    now: Callable[[], float]  # seconds since 1970
    rng: Random
    read_text: Callable[[str], str]  # a file's text; raises OSError
    lookup: Callable[
        [str, Sequence[str]], tuple[str, ...]
    ]  # a host's addresses, by these servers or the system's
    resolve: Callable[[Request], Result]  # a question of our own, through the whole server
    invalidate: Callable[[frozenset[str]], None]  # these keys changed: forget answers made from them
    local_ips: Callable[[], tuple[str, ...]]  # addresses we are reached at, without loopback
    log: Callable[[str, str], None]  # level, text
    # Runs an awaited response in the event loop and hands it on; may be called from any thread.
    schedule: Callable[[Awaitable[Response], Callable[[Response], None]], None]
    registry: Registry = msgspec.field(default_factory=Registry)
    tasks: list[Task] = msgspec.field(default_factory=list)
    routes: list[HttpRoute] = msgspec.field(default_factory=list)
    readiness: list[tuple[str, Callable[[], bool]]] = msgspec.field(default_factory=list)
    hostname: str = "localhost"
    secret: bytes = b""  # of this process, for cookies
    lameduck_s: float = 0.0
    reload_every_s: float = 0.0  # 0: never
    reload_jitter_s: float = 0.0
    startup: list[Callable[[], Awaitable[None]]] = msgspec.field(
        default_factory=list
    )  # before the ports open
    clusters: list[tuple[ZoneOptions, ClusterZone]] = msgspec.field(default_factory=list)
    stream_idle_s: float = 10.0
    stream_questions: int = 0  # of one connection; 0: as many as the client likes
    collectors: list[Callable[[], None]] = msgspec.field(default_factory=list)  # before metrics are read
    cleanup: list[Callable[[], None]] = msgspec.field(default_factory=list)  # when the process ends
    notices: list[str] = msgspec.field(default_factory=list)  # said once at start
    is_first: bool = True  # of the processes that answer together: the one that does what is done once


class RelayParts(msgspec.Struct):
    """What the handlers of one block leave for those that do their work for plain questions: relay and shortcut."""

    forward: Any = None  # handlers.forward.Forward
    cache: Any = None  # handlers.cache.Cache
    kubernetes: Any = None  # handlers.kubernetes.Kubernetes
    meter: Callable[[Request, Response, str, str], Observer] | None = None
    shuffle: bool = False
    orders: bool = False  # addresses have an order of their own, which the handlers make
    own_zones: list[str] = msgspec.field(default_factory=list)  # never forwarded unseen


class Site(msgspec.Struct):
    """One server block while its handlers are built."""

    block: ServerBlock
    world: World
    server: str  # as metrics name it: dns://:53
    handlers: tuple[str, ...] = ()  # names of all handlers in the block
    any_class: bool = False  # classes other than IN are let in
    root: str = ""  # folder of relative paths
    relay: RelayParts = msgspec.field(default_factory=RelayParts)

    @property
    def zones(self) -> tuple[str, ...]:
        return self.block.zones

    def path(self, text: str) -> str:
        """A file's path; relative ones begin at `root`."""
        return text if text.startswith("/") or not self.root else f"{self.root}/{text}"


def one_line(lines: tuple[Line, ...]) -> Line:
    """For directives that may stand in a block once."""
    if len(lines) > 1:
        raise lines[1].error(f"{lines[1].name.text} may stand once in a server block: merge the two")
    return lines[0]


def listen_address(line: Line, default: str) -> str:
    """The HOST:PORT behind a plugin's name, the host may be empty."""
    if not line.args:
        return default
    address = one_word(line)
    _, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65_535:
        raise line.error(f"{line.name.text}: {address!r} is no address such as :8080 or 127.0.0.1:8080")
    return address


def no_args(line: Line) -> None:
    if line.args:
        raise line.error(f"{line.name.text} takes no argument, found {line.args[0].text!r}")


def no_body(line: Line) -> None:
    if line.has_body:
        raise line.error(f"{line.name.text} takes no block")


def expression(line: Line, text: str) -> re.Pattern[str]:
    """A regular expression of a length that CoreDNS takes too."""
    if len(text) > MAX_EXPRESSION_LENGTH:
        raise line.error(
            f"{line.name.text}: the expression has {len(text)} characters, {MAX_EXPRESSION_LENGTH} are the most"
        )
    try:
        return re.compile(text)
    except re.error as problem:
        raise line.error(f"{line.name.text}: {text!r} is no expression: {problem}") from None


def unknown_option(plugin: str, line: Line) -> Exception:
    return line.error(f"plugin/{plugin}: unknown option {line.name.text!r}")


def one_word(line: Line) -> str:
    """The single word behind an option."""
    if len(line.args) != 1:
        raise line.error(f"{line.name.text} takes one argument, found {len(line.args)}")
    return line.args[0].text


def whole_number(line: Line, text: str, low: int, high: int | None = None) -> int:
    try:
        value = int(text)
    except ValueError:
        raise line.error(f"{line.name.text}: {text!r} is no whole number") from None
    if value < low or (high is not None and value > high):
        limits = f"at least {low}" if high is None else f"in the range [{low}, {high}]"
        raise line.error(f"{line.name.text} must be {limits}: {value}")
    return value


_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def duration_s(line: Line, text: str) -> float:
    """Go's durations: `5s`, `1m30s`, `250ms`, and a bare 0."""
    if text in {"0", "+0", "-0"}:
        return 0.0
    total, number, unit = 0.0, "", ""
    for char in text + "0":  # a digit ends the last unit
        if char.isdigit() or char == ".":
            if unit:
                if unit not in _UNITS_S or not number.strip("."):
                    raise line.error(f"{line.name.text}: {text!r} is no duration such as 5s or 1m30s")
                total += float(number) * _UNITS_S[unit]
                number, unit = "", ""
            number += char
        else:
            unit += char
    if not text:
        raise line.error(f"{line.name.text}: a duration such as 5s or 1m30s is missing")
    if number != "0":
        raise line.error(f"{line.name.text}: {text!r} needs a unit, such as {text}s")
    return total
