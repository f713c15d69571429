"""Taking samples of all pods, and answering with the rate since the last ones."""

import time
from collections.abc import Iterable, Sequence

from nodeagent.pods.drive import PodWorker
from nodeagent.pods.mounts import container_cgroup
from nodeagent.pods.resources import container_limits
from nodeagent.stats.disk import cgroup_usage, file_system, interfaces, node_usage
from nodeagent.stats.summary import ContainerStats, PodStats, Sample, Taken

_LEAST_AGE_S = 1.0  # rates over less than this say little


class Sampler:
    """Keeps one old sample of each cgroup; `collect` is called every few seconds and for each question."""

    def __init__(self, node_name: str, root_dir: str) -> None:
        self._node_name = node_name
        self._root_dir = root_dir
        self._before: dict[str, Sample] = {}
        self._latest: dict[str, Sample] = {}

    def collect(self, workers: Sequence[PodWorker]) -> Taken:
        """Reads files: a few for each container."""
        now_s = time.time()
        node_before, node_now = self._sample("", Sample(now_s, node_usage()))
        pods = [self._pod(worker, now_s) for worker in workers]
        living = {record.id for worker in workers for record in worker.runtime.containers} | {""}
        for key in [key for key in self._latest if key not in living]:
            self._latest.pop(key, None)
            self._before.pop(key, None)
        return Taken(
            self._node_name,
            node_now,
            node_before,
            tuple(pod for pod in pods if pod.containers),
            interfaces("self"),
            file_system(self._root_dir),
        )

    def memory_of(self, workers: Iterable[PodWorker]) -> dict[str, int]:
        """Working sets in bytes by the pods' UIDs."""
        found = {}
        for worker in workers:
            sizes = [
                each.now.usage.working_set_bytes or 0 for each in self._pod(worker, time.time()).containers
            ]
            found[worker.pod.metadata.uid] = sum(sizes)
        return found

    def _pod(self, worker: PodWorker, now_s: float) -> PodStats:
        meta, root = worker.pod.metadata, worker.host.setup.cgroup_root
        containers = []
        for record in worker.runtime.containers:
            if record.running and root:
                usage = cgroup_usage(container_cgroup(root, meta.uid, record.id))
                before, now = self._sample(record.id, Sample(now_s, usage))
                limits = container_limits(record.resources)
                found = ContainerStats(
                    record.name, record.started_at, now, before, record.id, record.image, limits
                )
                containers.append(found)
        pids = [record.pid for record in worker.runtime.containers if record.running]
        own = interfaces(pids[0]) if pids and not worker.pod.spec.host_network else ()
        return PodStats(meta.name, meta.namespace, meta.uid, worker.facts.started_at, tuple(containers), own)

    def _sample(self, key: str, now: Sample) -> tuple[Sample | None, Sample]:
        latest = self._latest.get(key)
        if latest is None or now.at_s - latest.at_s >= _LEAST_AGE_S:
            if latest is not None:
                self._before[key] = latest
            self._latest[key] = now
        return self._before.get(key), now
