"""Metrics in Prometheus' text format."""

from prometheus_client.parser import text_string_to_metric_families

from kproxy.metrics import Histogram, Metric, ProxyMetrics


def test_what_is_rendered_is_what_prometheus_reads() -> None:
    metrics = ProxyMetrics()
    metrics.sync_duration.observe(0.003, "IPv4")
    metrics.no_local_endpoints.set(2, "IPv4", "external")
    metrics.healthz.increment("200")
    asked: list[int] = []
    metrics.on_render.append(lambda: asked.append(1))
    families = {f.name: f for f in text_string_to_metric_families(metrics.render())}
    assert asked == [1]
    duration = families["kubeproxy_sync_proxy_rules_duration_seconds"]
    assert duration.type == "histogram"
    buckets = {s.labels["le"]: s.value for s in duration.samples if s.name.endswith("_bucket")}
    assert (buckets["0.002"], buckets["0.004"], buckets["+Inf"]) == (0, 1, 1)
    (local,) = families["kubeproxy_sync_proxy_rules_no_local_endpoints_total"].samples
    assert local.labels == {"ip_family": "IPv4", "traffic_policy": "external"}
    assert families["kubeproxy_proxy_healthz"].samples[0].value == 1


def test_kube_proxys_names_are_there() -> None:
    text = ProxyMetrics().render()
    for name in (
        "sync_proxy_rules_duration_seconds",
        "sync_full_proxy_rules_duration_seconds",
        "sync_partial_proxy_rules_duration_seconds",
        "sync_proxy_rules_last_timestamp_seconds",
        "sync_proxy_rules_last_queued_timestamp_seconds",
        "network_programming_duration_seconds",
        "sync_proxy_rules_no_local_endpoints_total",
        "sync_proxy_rules_endpoint_changes_pending",
        "sync_proxy_rules_endpoint_changes_total",
        "sync_proxy_rules_service_changes_pending",
        "sync_proxy_rules_service_changes_total",
        "proxy_healthz_total",
        "proxy_livez_total",
        "sync_proxy_rules_nftables_sync_failures_total",
        "sync_proxy_rules_nftables_cleanup_failures_total",
        "conntrack_reconciler_sync_duration_seconds",
        "conntrack_reconciler_deleted_entries_total",
    ):
        assert f"# TYPE kubeproxy_{name} " in text


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
