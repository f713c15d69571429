"""The kubelet's paths and their queries. Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

Query = Mapping[str, Sequence[str]]


class ContainerLogs(NamedTuple):
    namespace: str
    pod: str
    container: str


class Exec(NamedTuple):
    namespace: str
    pod: str
    container: str
    command: tuple[str, ...]


class Attach(NamedTuple):
    namespace: str
    pod: str
    container: str


class PortForward(NamedTuple):
    namespace: str
    pod: str
    ports: tuple[int, ...]


class Plain(NamedTuple):
    """healthz, metrics, pods, stats/summary, …"""

    path: str


class SystemLogs(NamedTuple):
    """A file or folder of the node's own logs."""

    path: str


class Streams(NamedTuple):
    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool


class LogOptions(NamedTuple):
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_s: int | None = None
    since_time: str = ""
    stream: str = "All"


Route = ContainerLogs | Exec | Attach | PortForward | SystemLogs | Plain


class BadQuery(ValueError):
    """A query parameter that cannot be read; answered with 400."""


def parse_target(target: str) -> tuple[Route | None, Query]:
    """The route of a request target; None is answered with 404. A pod's UID may stand before the container."""
    split = urlsplit(target)
    query = parse_qs(split.query, keep_blank_values=True)
    parts = [unquote(part) for part in split.path.strip("/").split("/")]
    match parts:
        case ["containerLogs", namespace, pod, container]:
            return ContainerLogs(namespace, pod, container), query
        case ["exec", namespace, pod, *uid, container] if len(uid) <= 1:
            return Exec(namespace, pod, container, tuple(query.get("command", ()))), query
        case ["attach", namespace, pod, *uid, container] if len(uid) <= 1:
            return Attach(namespace, pod, container), query
        case ["portForward", namespace, pod, *uid] if len(uid) <= 1:
            return PortForward(namespace, pod, _ports(query)), query
        case ["logs", *path]:
            return SystemLogs("/".join(path)), query
        case (
            ["healthz" | "livez" | "readyz" | "metrics" | "pods" | "runningpods"]
            | ["stats", "summary"]
            | ["metrics", "resource" | "cadvisor"]
            | ["healthz", "ping" | "syncloop"]
            | ["configz"]
        ):
            return Plain("/".join(parts)), query
        case _:
            return None, query


def _ports(query: Query) -> tuple[int, ...]:
    texts = [text for key in ("port", "ports") for value in query.get(key, ()) for text in value.split(",")]
    if not all(text.isdigit() and 0 < int(text) < 65536 for text in texts):
        raise BadQuery(f"ports must be numbers from 1 to 65535, not {','.join(texts)}")
    return tuple(int(text) for text in texts)


def streams(query: Query) -> Streams:
    """The kubelet's names (input, output, error) and the API server's (stdin, stdout, stderr) are both taken."""
    tty = _flag(query, "tty")
    return Streams(
        stdin=_flag(query, "input", "stdin"),
        stdout=_flag(query, "output", "stdout"),
        stderr=_flag(query, "error", "stderr") and not tty,
        tty=tty,
    )


def log_options(query: Query) -> LogOptions:
    """Raises BadQuery."""
    return LogOptions(
        follow=_flag(query, "follow"),
        previous=_flag(query, "previous"),
        timestamps=_flag(query, "timestamps"),
        tail_lines=_number(query, "tailLines"),
        limit_bytes=_number(query, "limitBytes"),
        since_s=_number(query, "sinceSeconds"),
        since_time=query.get("sinceTime", [""])[-1],
        stream=query.get("stream", ["All"])[-1],
    )


def _flag(query: Query, *names: str) -> bool:
    return any(query.get(name, ["0"])[-1].lower() in {"1", "true"} for name in names)


def _number(query: Query, name: str) -> int | None:
    text = query.get(name, [""])[-1]
    if not text:
        return None
    if not text.isdigit():
        raise BadQuery(f"{name} must be a number that is not negative, not {text!r}")
    return int(text)
