"""What is counted of forwarding, under the names and labels of CoreDNS."""

from __future__ import annotations

from collections.abc import Iterable

from dns.metrics import Registry

TIME_BOUNDS_S = tuple(0.00025 * 2**power for power in range(16))


class Measures:
    """Of one forward line; lines of one server share the registry's figures."""

    def __init__(self, registry: Registry) -> None:
        self.took = registry.histogram(
            "coredns_proxy_request_duration_seconds",
            "Histogram of the time each request took.",
            TIME_BOUNDS_S,
            "proxy_name",
            "to",
            "rcode",
        )
        self.failures = registry.counter(
            "coredns_proxy_healthcheck_failures_total",
            "Counter of the number of failed healthchecks.",
            "proxy_name",
            "to",
        )
        self.rejected = registry.counter(
            "coredns_forward_max_concurrent_rejects_total",
            "Counter of the number of queries rejected because the concurrent queries were at maximum.",
        )
        self.rejected.add(0)
        self.broken = registry.counter(
            "coredns_forward_healthcheck_broken_total",
            "Counter of the number of complete failures of the healthchecks.",
        )
        self.broken.add(0)
        self._hits, self._misses = (
            registry.counter(
                f"coredns_proxy_conn_cache_{word}_total",
                f"Counter of connection cache {word} per upstream and protocol.",
                *("proxy_name", "to", "proto"),
            )
            for word in ("hits", "misses")
        )

    def set_connections(self, counts: Iterable[tuple[str, str, int, int]]) -> None:
        """Of each server and protocol how often a socket was used again, and how often a new one was opened."""
        sums: dict[tuple[str, str], tuple[int, int]] = {}
        for server, proto, kept, opened in counts:
            before = sums.get((server, proto), (0, 0))
            sums[server, proto] = before[0] + kept, before[1] + opened
        for (server, proto), (kept, opened) in sums.items():
            self._hits.set(kept, "forward", server, proto)
            self._misses.set(opened, "forward", server, proto)
