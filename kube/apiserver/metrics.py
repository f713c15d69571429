"""The server's metrics in Prometheus' text form, under kube-apiserver's names and with its labels.

Counted by hand: a request touches a dict and a list, and start-up is spared a 50 ms import.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

_LATENCY_BUCKETS_S = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 5.0, 10.0, 30.0, 60.0)
_STORE_BUCKETS_S = (
    0.0005,
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)
# What dashboards ask for by name: the HTTP method where it is another word than the verb of authorization.
_VERBS = {"create": "POST", "update": "PUT"}


class Asked(NamedTuple):
    """The labels of a request; `scope` is resource, namespace or cluster."""

    verb: str
    group: str
    version: str
    resource: str
    subresource: str = ""
    scope: str = "cluster"
    dry_run: str = ""

    @property
    def labels(self) -> dict[str, str]:
        found = self._asdict()
        verb = found.pop("verb")
        return {"component": "apiserver", **found, "verb": _VERBS.get(verb, verb.upper())}


class Stream(NamedTuple):
    """A watch: what is watched, and how much of it."""

    group: str
    version: str
    resource: str
    kind: str
    scope: str


class _Latency:
    """A histogram of one set of labels."""

    __slots__ = ("_bounds", "buckets", "total_s")

    def __init__(self, bounds: tuple[float, ...] = _LATENCY_BUCKETS_S) -> None:
        self._bounds = bounds
        self.buckets = [0] * (len(bounds) + 1)
        self.total_s = 0.0

    def add(self, took_s: float) -> None:
        self.buckets[bisect_left(self._bounds, took_s)] += 1
        self.total_s += took_s

    def lines(self, name: str, labels: Mapping[str, str]) -> Iterator[str]:
        total = 0
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self.buckets, strict=True):
            total += count
            yield f"{name}_bucket{_labels({**labels, 'le': bound})} {total}"
        yield f"{name}_sum{_labels(labels)} {self.total_s:.6f}"
        yield f"{name}_count{_labels(labels)} {total}"


class ServerMetrics:
    """Everything that this process counts."""

    def __init__(self) -> None:
        self._requests: dict[tuple[Asked, int], int] = {}
        self._latency: dict[Asked, _Latency] = {}
        self._store: dict[tuple[str, str], _Latency] = {}
        self._watch_events: dict[Stream, int] = {}
        self._watch_bytes: dict[Stream, int] = {}
        self._terminated: dict[Stream, int] = {}
        self.inflight = {"mutating": 0, "readOnly": 0}
        self.watches: dict[Stream, int] = {}
        self.parts: dict[str, Callable[[], Iterable[str]]] = {}  # what else this process counts, by part

    def observe(self, asked: Asked, code: int, took_s: float) -> None:
        key = (asked, code)
        self._requests[key] = self._requests.get(key, 0) + 1
        if asked.verb == "watch":
            return
        latency = self._latency.get(asked)
        if latency is None:
            latency = self._latency[asked] = _Latency()
        latency.add(took_s)

    def observe_store(self, operation: str, key: str, took_s: float) -> None:
        """`key` is the store's: /registry/RESOURCE/…"""
        resource = key.split("/", 3)[2] if key.count("/") > 1 else ""
        latency = self._store.get((operation, resource))
        if latency is None:
            latency = self._store[operation, resource] = _Latency(_STORE_BUCKETS_S)
        latency.add(took_s)

    def watch_started(self, stream: Stream) -> None:
        self.watches[stream] = self.watches.get(stream, 0) + 1

    def watch_sent(self, stream: Stream, events: int, size: int) -> None:
        self._watch_events[stream] = self._watch_events.get(stream, 0) + events
        self._watch_bytes[stream] = self._watch_bytes.get(stream, 0) + size

    def watch_ended(self, stream: Stream) -> None:
        self.watches[stream] -= 1

    def watch_terminated(self, stream: Stream) -> None:
        """A client that did not read."""
        self._terminated[stream] = self._terminated.get(stream, 0) + 1

    def render(self, object_counts: Mapping[str, int], more: Iterable[str] = ()) -> str:
        lines = [*self._request_lines(), *self._watch_lines()]
        lines.append("# TYPE apiserver_storage_objects gauge")
        for resource, count in sorted(object_counts.items()):
            lines.append(f"apiserver_storage_objects{_labels({'resource': resource})} {count}")
        lines.append("# TYPE etcd_request_duration_seconds histogram")
        for (operation, resource), latency in sorted(self._store.items()):
            plural, _, group = resource.partition(".")
            labels = {"group": group, "operation": operation, "resource": plural}
            lines += latency.lines("etcd_request_duration_seconds", labels)
        lines += more
        for part in self.parts.values():
            lines += part()
        return "\n".join(lines) + "\n"

    def _request_lines(self) -> Iterator[str]:
        yield "# TYPE apiserver_request_total counter"
        for (asked, code), count in sorted(self._requests.items()):
            yield f"apiserver_request_total{_labels({'code': str(code), **asked.labels})} {count}"
        yield "# TYPE apiserver_request_duration_seconds histogram"
        for asked, latency in sorted(self._latency.items()):
            yield from latency.lines("apiserver_request_duration_seconds", asked.labels)
        yield "# TYPE apiserver_current_inflight_requests gauge"
        for kind, count in self.inflight.items():
            yield f"apiserver_current_inflight_requests{_labels({'request_kind': kind})} {count}"

    def _watch_lines(self) -> Iterator[str]:
        yield "# TYPE apiserver_longrunning_requests gauge"
        for stream, count in sorted(self.watches.items()):
            labels = Asked("watch", *stream[:3], scope=stream.scope).labels
            labels.pop("dry_run")
            yield f"apiserver_longrunning_requests{_labels(labels)} {count}"
        for name, counts in (
            ("apiserver_watch_events_total", self._watch_events),
            ("apiserver_watch_events_sizes_sum", self._watch_bytes),
            ("apiserver_terminated_watchers_total", self._terminated),
        ):
            yield f"# TYPE {name} counter"
            merged: dict[str, int] = {}
            for stream, count in sorted(counts.items()):
                labels = stream._asdict()
                del labels["scope"]
                text = _labels(labels)
                merged[text] = merged.get(text, 0) + count
            yield from (f"{name}{text} {count}" for text, count in merged.items())


def request_kind(method: str) -> str:
    """How kube-apiserver divides what it limits."""
    return "readOnly" if method in ("GET", "HEAD", "OPTIONS") else "mutating"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(labels.items())) + "}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
