from __future__ import annotations

from dns.metrics import Registry


def test_the_text_form() -> None:
    registry = Registry()
    registry.counter("a_total", "Help.", "zone").add(2, 'x"y')
    registry.gauge("b", "Help b.").set(1.5)
    histogram = registry.histogram("c", "Help c.", (0.1, 1.0), "z")
    histogram.observe(0.1, "q")
    histogram.observe(5.0, "q", times=2)
    assert registry.render() == (
        "# HELP a_total Help.\n# TYPE a_total counter\n"
        'a_total{zone="x\\"y"} 2\n'
        "# HELP b Help b.\n# TYPE b gauge\nb 1.5\n"
        "# HELP c Help c.\n# TYPE c histogram\n"
        'c_bucket{z="q",le="0.1"} 1\nc_bucket{z="q",le="1"} 1\nc_bucket{z="q",le="+Inf"} 3\n'
        'c_sum{z="q"} 10.1\nc_count{z="q"} 3\n'
    )


def test_prometheus_reads_it() -> None:
    from prometheus_client.parser import text_string_to_metric_families

    registry = Registry()
    registry.counter("a_total", "Help.", "zone").add(2, "x")
    registry.histogram("c", "Help c.", (0.1, 1.0)).observe(0.5)
    names = {family.name for family in text_string_to_metric_families(registry.render())}
    assert names == {"a", "c"}


def test_several_processes_counts_are_added_up() -> None:
    def registry() -> Registry:
        found = Registry()
        found.counter("requests", "x", "kind").add(2, "A")
        found.gauge("enabled", "x").set(1)
        found.gauge("process_open_fds", "x").set(5)
        found.counter("kdns_udp_receive_errors_total", "x").set(7)
        found.histogram("took", "x", (1.0, 2.0), "kind").observe(1.5, "A")
        return found

    first, second = registry(), registry()
    second.counter("requests", "x", "kind").add(1, "B")
    first.others = lambda: [second.rows()]
    text = first.render()
    assert 'requests{kind="A"} 4' in text
    assert 'requests{kind="B"} 1' in text
    assert "enabled 1\n" in text
    assert "process_open_fds 10" in text
    assert "kdns_udp_receive_errors_total 7" in text
    assert 'took_bucket{kind="A",le="2"} 2' in text
    assert 'took_sum{kind="A"} 3' in text
    assert first.counter("requests", "x", "kind").get("A") == 2  # its own stay its own
