"""Counts and latencies of calls, in Prometheus' text format. Pure but for the lock."""

from __future__ import annotations

import bisect
import threading
from collections.abc import Iterable

from cni.daemon.usage import Usage, render

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
VERBS = ("ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION")
_NOTHING = Usage()


class Metrics:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str], list[int]] = {}
        self._sums: dict[tuple[str, str], float] = {}
        self._errors: dict[tuple[str, str], int] = {}
        self.healed = 0
        self.forgotten = 0

    def observe(self, plugin: str, verb: str, took_s: float, *, failed: bool) -> None:
        key = (plugin, verb if verb in VERBS else "other")  # callers may say anything
        with self._lock:
            counts = self._calls.setdefault(key, [0] * (len(BUCKETS_S) + 1))
            counts[bisect.bisect_left(BUCKETS_S, took_s)] += 1
            self._sums[key] = self._sums.get(key, 0.0) + took_s
            self._errors[key] = self._errors.get(key, 0) + failed

    def render(self, usage: Usage = _NOTHING) -> str:
        lines = [
            "# HELP kcni_call_duration_seconds Time a plugin call took.",
            "# TYPE kcni_call_duration_seconds histogram",
        ]
        with self._lock:
            for (plugin, verb), counts in sorted(self._calls.items()):
                lines += self._histogram(plugin, verb, counts)
            lines += [
                "# HELP kcni_call_errors_total Plugin calls that failed.",
                "# TYPE kcni_call_errors_total counter",
            ]
            for (plugin, verb), count in sorted(self._errors.items()):
                lines.append(f'kcni_call_errors_total{{plugin="{plugin}",verb="{verb}"}} {count}')
        for name, text, value in (
            ("kcni_healed_total", "Settings of the host put right again.", self.healed),
            (
                "kcni_forgotten_total",
                "Attachments removed because their namespaces were gone.",
                self.forgotten,
            ),
        ):
            lines += [f"# HELP {name} {text}", f"# TYPE {name} counter", f"{name} {value}"]
        return "\n".join([*lines, *render(usage), ""])

    def _histogram(self, plugin: str, verb: str, counts: list[int]) -> Iterable[str]:
        labels, total = f'plugin="{plugin}",verb="{verb}"', 0
        for bound, count in zip((*(str(b) for b in BUCKETS_S), "+Inf"), counts, strict=True):
            total += count
            yield f'kcni_call_duration_seconds_bucket{{{labels},le="{bound}"}} {total}'
        yield f"kcni_call_duration_seconds_sum{{{labels}}} {self._sums[plugin, verb]:.6f}"
        yield f"kcni_call_duration_seconds_count{{{labels}}} {total}"
