"""Metrics as Prometheus reads them, and that the loops count under the names people know."""

import asyncio

from prometheus_client.parser import text_string_to_metric_families

from kube.client import Client
from kube.cluster_run import Cluster
from kube.measures import Measures, exponential


def test_the_text_is_what_prometheus_reads() -> None:
    measures = Measures()
    done = measures.counter("done_total", "Things done", ("name",))
    done.add("a")
    done.add('quote " and \\', amount=2)
    took = measures.histogram("took_seconds", "How long", ("name",), bounds=(0.1, 1))
    for value in (0.05, 0.1, 0.5, 5):
        took.observe(value, "a")
    measures.gauge("depth", "How many", ("name",), lambda: {("a",): 3})
    families = {
        each.name: each for each in text_string_to_metric_families("\n".join(measures.lines()) + "\n")
    }
    assert {each.labels["name"]: each.value for each in families["done"].samples} == {
        "a": 1,
        'quote " and \\': 2,
    }
    buckets = {
        each.labels["le"]: each.value for each in families["took_seconds"].samples if "le" in each.labels
    }
    assert buckets == {"0.1": 2, "1": 3, "+Inf": 4}
    assert [each.value for each in families["depth"].samples] == [3]


def test_bounds_grow_by_a_factor() -> None:
    assert exponential(1, 2, 4) == (1, 2, 4, 8)


def test_a_cluster_tells_of_its_scheduler_and_queues() -> None:
    with Cluster() as cluster:

        async def text() -> str:
            client = Client.from_kubeconfig(str(cluster.kubeconfig), user_agent="test")
            try:
                for _ in range(2000):
                    found = (await client.raw("GET", "/metrics")).body.decode()
                    if "workqueue_work_duration_seconds_count" in found:
                        return found
                    await asyncio.sleep(0.05)
                return found
            finally:
                await client.close()

        families = {each.name for each in text_string_to_metric_families(asyncio.run(text()))}
    assert {
        "scheduler_schedule_attempts",
        "scheduler_pending_pods",
        "scheduler_pod_scheduling_sli_duration_seconds",
        "workqueue_depth",
        "workqueue_adds",
        "workqueue_retries",
    } <= families
