"""Metrics in Prometheus' text format."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kproxy.metrics.catalogue import ProxyMetrics
from kproxy.metrics.exposition import Histogram, Metric, Registry


def test_what_is_rendered_is_what_prometheus_reads() -> None:
    metrics = ProxyMetrics()
    metrics.sync_duration.observe(0.003, "IPv4")
    metrics.no_local_endpoints.set(2, "IPv4", "external")
    metrics.healthz.increment("200")
    asked: list[int] = []
    metrics.registry.on_render.append(lambda: asked.append(1))
    families = {f.name: f for f in text_string_to_metric_families(metrics.render())}
    assert asked == [1]
    duration = families["kubeproxy_sync_proxy_rules_duration_seconds"]
    assert duration.type == "histogram"
    buckets = {s.labels["le"]: s.value for s in duration.samples if s.name.endswith("_bucket")}
    assert (buckets["0.002"], buckets["0.004"], buckets["+Inf"]) == (0, 1, 1)
    (local,) = families["kubeproxy_sync_proxy_rules_no_local_endpoints_total"].samples
    assert local.labels == {"ip_family": "IPv4", "traffic_policy": "external"}
    assert families["kubeproxy_proxy_healthz"].samples[0].value == 1


_KUBE_PROXYS = {
    "kubeproxy_sync_proxy_rules_duration_seconds": ("ip_family",),
    "kubeproxy_sync_full_proxy_rules_duration_seconds": ("ip_family",),
    "kubeproxy_sync_partial_proxy_rules_duration_seconds": ("ip_family",),
    "kubeproxy_sync_proxy_rules_last_timestamp_seconds": ("ip_family",),
    "kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds": ("ip_family",),
    "kubeproxy_network_programming_duration_seconds": ("ip_family",),
    "kubeproxy_sync_proxy_rules_no_local_endpoints_total": ("ip_family", "traffic_policy"),
    "kubeproxy_sync_proxy_rules_endpoint_changes_pending": (),
    "kubeproxy_sync_proxy_rules_endpoint_changes_total": (),
    "kubeproxy_sync_proxy_rules_service_changes_pending": (),
    "kubeproxy_sync_proxy_rules_service_changes_total": (),
    "kubeproxy_proxy_healthz_total": ("code",),
    "kubeproxy_proxy_livez_total": ("code",),
    "kubeproxy_sync_proxy_rules_nftables_sync_failures_total": ("ip_family",),
    "kubeproxy_sync_proxy_rules_nftables_cleanup_failures_total": ("ip_family",),
    "kubeproxy_sync_proxy_rules_iptables_restore_failures_total": ("ip_family",),
    "kubeproxy_sync_proxy_rules_iptables_partial_restore_failures_total": ("ip_family",),
    "kubeproxy_sync_proxy_rules_iptables_total": ("table", "ip_family"),
    "kubeproxy_sync_proxy_rules_iptables_last": ("table", "ip_family"),
    "kubeproxy_conntrack_reconciler_sync_duration_seconds": ("ip_family",),
    "kubeproxy_conntrack_reconciler_deleted_entries_total": ("ip_family",),
    "rest_client_requests_total": ("code", "host", "method"),
    "rest_client_request_duration_seconds": ("host", "verb"),
}


def test_kube_proxys_names_and_labels_are_there() -> None:
    assert ProxyMetrics().registry.labels().items() >= _KUBE_PROXYS.items()


def test_a_metric_with_labels_shows_with_its_first_value() -> None:
    registry = Registry()
    failures = registry.counter("failures_total", "text", ("ip_family",))
    assert registry.render() == "\n"
    failures.increment("IPv4")
    assert registry.render().splitlines()[-1] == 'failures_total{ip_family="IPv4"} 1'


@pytest.mark.parametrize(
    ("mode", "full", "counted"),
    [
        ("nftables", True, {"nftables_failures"}),
        ("iptables", True, {"iptables_failures"}),
        ("iptables", False, {"iptables_failures", "iptables_partial_failures"}),
        ("ipvs", True, {"iptables_failures"}),
        ("userspace", True, set()),
    ],
)
def test_a_failed_sync_counts_where_kube_proxy_counts_it(mode: str, full: bool, counted: set[str]) -> None:
    metrics = ProxyMetrics()
    metrics.failed(mode, "IPv6", full=full)
    assert metrics.sync_failures.value("IPv6") == 1
    names = ("nftables_failures", "iptables_failures", "iptables_partial_failures")
    assert {name for name in names if getattr(metrics, name).value("IPv6")} == counted


def test_labels_are_escaped() -> None:
    metric = Metric("m", "counter", "text", ("name",))
    metric.increment('a"b\\c\n')
    assert list(metric.render())[-1] == 'm{name="a\\"b\\\\c\\n"} 1'


def test_a_histogram_counts_a_bound_into_its_bucket() -> None:
    histogram = Histogram("h", "text", buckets=(1.0, 2.0))
    histogram.observe(1.0)
    histogram.observe(5.0)
    assert histogram.count() == 2
    assert 'h_bucket{le="1"} 1' in list(histogram.render())


def test_bounds_are_written_as_go_writes_them() -> None:
    histogram = Histogram("h", "text", buckets=(0.005, 16.384, 1048576.0))
    bounds = [line.partition('"')[2].partition('"')[0] for line in histogram.render() if "le=" in line]
    assert bounds == ["0.005", "16.384", "1.048576e+06", "+Inf"]
