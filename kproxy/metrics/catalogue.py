"""kproxy's metrics under kube-proxy's names, labels and buckets (v1.36). Pure."""

from kproxy.backends.registry import SyncReport
from kproxy.metrics.counters import CountedPackets
from kproxy.metrics.exposition import Registry

_PROGRAMMING_BUCKETS = (
    0.25,
    0.5,
    *(float(s) for s in range(1, 60)),
    *(float(s) for s in range(60, 120, 5)),
    *(float(s) for s in range(120, 301, 30)),
)
_REQUEST_BUCKETS = (0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60)  # client-go's
_FAMILY = ("ip_family",)
_PREFIX = "kubeproxy_sync_proxy_rules"


class ProxyMetrics:
    """All of them, in one registry. Labels `ip_family` are IPv4 and IPv6."""

    def __init__(self) -> None:
        self.registry = Registry()
        self._syncs()
        self._failures()
        self._changes()
        self._beyond()
        self._requests()

    def _syncs(self) -> None:
        made = self.registry
        self.sync_duration = made.histogram(f"{_PREFIX}_duration_seconds", "Duration of syncs", _FAMILY)
        self.full_duration = made.histogram(
            "kubeproxy_sync_full_proxy_rules_duration_seconds", "Duration of full syncs", _FAMILY
        )
        self.partial_duration = made.histogram(
            "kubeproxy_sync_partial_proxy_rules_duration_seconds", "Duration of partial syncs", _FAMILY
        )
        self.last_sync = made.gauge(
            f"{_PREFIX}_last_timestamp_seconds", "When rules were last written", _FAMILY
        )
        self.last_queued = made.gauge(
            f"{_PREFIX}_last_queued_timestamp_seconds", "When a sync was last asked for", _FAMILY
        )
        self.programming = made.histogram(
            "kubeproxy_network_programming_duration_seconds",
            "From the change of an endpoint to its rules",
            _FAMILY,
            _PROGRAMMING_BUCKETS,
        )
        self.iptables_total = made.gauge(
            f"{_PREFIX}_iptables_total", "Rules that are there", ("table", *_FAMILY)
        )
        self.packets = {
            CountedPackets.INVALID_DROPPED: made.counter(
                "kubeproxy_iptables_ct_state_invalid_dropped_packets_total",
                "Packets dropped because connection tracking did not know them",
            ),
            CountedPackets.LOCALHOST_ACCEPTED: made.counter(
                "kubeproxy_iptables_localhost_nodeports_accepted_packets_total",
                "Connections to node ports on loopback addresses, by their first packets",
            ),
        }
        for metric in self.packets.values():
            metric.clear()  # shown where it is counted
        self.iptables_last = made.gauge(
            f"{_PREFIX}_iptables_last", "Rules that the last sync wrote", ("table", *_FAMILY)
        )

    def _failures(self) -> None:
        made = self.registry
        self.sync_failures = made.counter(
            "kubeproxy_sync_failures_total", "Syncs that the kernel refused, in any mode", _FAMILY
        )
        self.nftables_failures = made.counter(
            f"{_PREFIX}_nftables_sync_failures_total", "nftables syncs that failed", _FAMILY
        )
        self.nftables_cleanup_failures = made.counter(
            f"{_PREFIX}_nftables_cleanup_failures_total", "nftables clean-ups that failed", _FAMILY
        )
        self.iptables_failures = made.counter(
            f"{_PREFIX}_iptables_restore_failures_total", "iptables-restore runs that failed", _FAMILY
        )
        self.iptables_partial_failures = made.counter(
            f"{_PREFIX}_iptables_partial_restore_failures_total",
            "iptables-restore runs of partial syncs that failed",
            _FAMILY,
        )

    def _changes(self) -> None:
        made = self.registry
        self.no_local_endpoints = made.gauge(
            f"{_PREFIX}_no_local_endpoints_total",
            "Services with a Local traffic policy and no local endpoints",
            (*_FAMILY, "traffic_policy"),
        )
        self.endpoint_changes_pending = made.gauge(
            f"{_PREFIX}_endpoint_changes_pending", "Endpoint changes not yet in the rules"
        )
        self.endpoint_changes = made.counter(f"{_PREFIX}_endpoint_changes_total", "Endpoint changes")
        self.service_changes_pending = made.gauge(
            f"{_PREFIX}_service_changes_pending", "Service changes not yet in the rules"
        )
        self.service_changes = made.counter(f"{_PREFIX}_service_changes_total", "Service changes")
        self.healthz = made.counter("kubeproxy_proxy_healthz_total", "Answers of /healthz", ("code",))
        self.livez = made.counter("kubeproxy_proxy_livez_total", "Answers of /livez", ("code",))
        self.conntrack_duration = made.histogram(
            "kubeproxy_conntrack_reconciler_sync_duration_seconds",
            "Time to clean up connection tracking",
            _FAMILY,
        )
        self.conntrack_deleted = made.counter(
            "kubeproxy_conntrack_reconciler_deleted_entries_total",
            "Connection tracking entries removed",
            _FAMILY,
        )

    def _beyond(self) -> None:
        """What kube-proxy has not."""
        made = self.registry
        self.repairs = made.counter(
            "kubeproxy_rules_repaired_total", "Syncs done because somebody else changed our rules", _FAMILY
        )
        self.connections = made.counter(
            "kubeproxy_service_connections_total",
            "New connections by service, counted in the kernel",
            ("service",),
        )
        self.endpoint_connections = made.counter(
            "kubeproxy_endpoint_connections_total",
            "New connections by endpoint, counted in the kernel",
            ("service", "endpoint"),
        )
        self.mode = made.gauge("kubeproxy_proxy_mode_info", "The backend in use", ("mode",))

    def _requests(self) -> None:
        made = self.registry
        self.requests = made.counter(
            "rest_client_requests_total", "Requests to the API server", ("code", "host", "method")
        )
        self.request_duration = made.histogram(
            "rest_client_request_duration_seconds",
            "Time to the API server's answer",
            ("host", "verb"),
            _REQUEST_BUCKETS,
        )

    def synced(self, family: str, report: SyncReport, took_s: float, at_s: float) -> None:
        """A sync that the kernel took."""
        self.sync_duration.observe(took_s, family)
        (self.full_duration if report.full else self.partial_duration).observe(took_s, family)
        self.last_sync.set(at_s, family)
        for table, count in report.rules.items():
            self.iptables_total.set(count.total, table, family)
            self.iptables_last.set(count.written, table, family)

    def failed(self, mode: str, family: str, *, full: bool) -> None:
        """A sync that the kernel refused, counted where kube-proxy's dashboards look for it."""
        self.sync_failures.increment(family)
        if mode == "nftables":
            self.nftables_failures.increment(family)
        elif mode in ("iptables", "ipvs"):
            self.iptables_failures.increment(family)
            if not full:
                self.iptables_partial_failures.increment(family)

    def render(self) -> str:
        return self.registry.render()
