"""What dashboards and metrics-server read."""

from nodeagent.cgroups.plan import Limits
from nodeagent.stats.exposition import cadvisor_metrics, resource_metrics
from nodeagent.stats.summary import ContainerStats, Interface, PodStats, Sample, Taken, Usage

NOW = Sample(60.0, Usage(2_500_000_000, 100, 30, rss_bytes=60, cache_bytes=40, processes=3, periods=9))
MAIN = ContainerStats("main", "2026-01-01T00:00:00Z", NOW, None, "id1", 'a"b', Limits(200, 512, 50_000))
POD = PodStats(
    "web", "shop", "u1", "t0", (MAIN, MAIN._replace(name="side", id="id2")), (Interface("eth0", *range(8)),)
)
TAKEN = Taken("n", NOW, None, (POD,))


def test_resource_metrics_are_those_of_metrics_server():
    text = resource_metrics(TAKEN)
    labels = 'container="main",namespace="shop",pod="web"'
    assert f"container_cpu_usage_seconds_total{{{labels}}} 2.5 60000\n" in text
    assert f"container_memory_working_set_bytes{{{labels}}} 70 60000\n" in text
    assert 'pod_memory_working_set_bytes{namespace="shop",pod="web"} 140 60000\n' in text
    assert 'pod_cpu_usage_seconds_total{namespace="shop",pod="web"} 5.0 60000\n' in text
    assert "node_cpu_usage_seconds_total 2.5 60000\n" in text


def test_cadvisor_metrics_have_the_labels_that_dashboards_select_by():
    text = cadvisor_metrics(TAKEN, 2, 1000)
    assert (
        'container_cpu_usage_seconds_total{container="main",cpu="total",id="/podu1/id1",image="a\\"b"' in text
    )
    assert (
        'container_network_receive_bytes_total{id="/podu1",interface="eth0",namespace="shop",pod="web"} 0'
        in text
    )
    assert "machine_cpu_cores 2\n" in text
    assert "container_spec_cpu_quota" in text
    assert "throttled" not in text  # the kernel said nothing of it


def test_series_of_one_name_stand_together_under_one_type_line():
    lines = cadvisor_metrics(TAKEN, 2, 1000).splitlines()
    names = [line.split("{")[0].split(" ")[0] for line in lines if not line.startswith("#")]
    groups = [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]
    assert len(groups) == len(set(groups))
    assert sorted(groups) == sorted(line.split()[2] for line in lines if line.startswith("# TYPE"))
