"""Lab start to three Ready nodes, and the demonstration's application from nothing to available."""

import asyncio
import os
import time

from kube.client import Client
from kube.objects import Namespace, ObjectMeta
from netns_fixtures import manifests_run
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.demo.steps_run import EXAMPLES
from netns_fixtures.demo.watched import NAMESPACE, Watched
from tests.bench.spread import spread

ROUNDS = 3


def measure() -> dict[str, object]:
    """Seconds, over a few rounds, each on a lab of its own."""
    ready_s, app_s, gone_s, down_s = [], [], [], []
    for number in range(ROUNDS):
        started_s = time.monotonic()
        with Cluster.up(f"bench-{os.getpid()}-{number}") as cluster:
            ready_s.append(time.monotonic() - started_s)
            app, gone = asyncio.run(_application(cluster))
            app_s.append(app)
            gone_s.append(gone)
            ended_s = time.monotonic()
        down_s.append(time.monotonic() - ended_s)
    return {
        "three_nodes_ready_s": spread(ready_s),
        "demo_app_available_s": spread(app_s),
        "namespace_deleted_s": spread(gone_s),
        "lab_down_s": spread(down_s),
    }


async def _application(cluster: Cluster) -> tuple[float, float]:
    client: Client = cluster.client()
    try:
        async with Watched(client) as watched:
            started_s = time.monotonic()
            await client.create(Namespace(metadata=ObjectMeta(name=NAMESPACE)))
            await manifests_run.apply(client, manifests_run.read_manifests([str(EXAMPLES)]), NAMESPACE)
            await watched.until(
                lambda: watched.available("backend") and watched.available("frontend"), "available"
            )
            app_s = time.monotonic() - started_s
            started_s = time.monotonic()
            await client.delete(Namespace, NAMESPACE)
            await watched.until(
                lambda: all(key.name != NAMESPACE for key in watched.namespaces.cache), "gone", 60
            )
            return app_s, time.monotonic() - started_s
    finally:
        await client.close()
