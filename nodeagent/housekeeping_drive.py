"""What is done every few seconds for all pods together: logs rotated, use sampled, shortages noticed and answered."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from linux.logging_kv import get_logger
from nodeagent.logs.apply import rotate
from nodeagent.options import Options
from nodeagent.places import Places
from nodeagent.pods.drive import PodWorker
from nodeagent.pressure.disk import levels
from nodeagent.pressure.plan import (
    Candidate,
    Shortage,
    Threshold,
    grace_s,
    look,
    sentence,
    soft_thresholds,
    thresholds,
    victim,
)
from nodeagent.pressure.storage import excess
from nodeagent.stats.serve import Sampler
from nodeagent.stats.summary import Taken

logger = get_logger("knode.housekeeping")
_LATE_S = 60.0  # a loop that takes this long for a round is stuck
_EVERY_S = 10.0  # the kubelet looks for pressure as often
_CALM_ROUNDS = 3  # a condition stays this many rounds after its shortage is over, so that it does not flap


class Housekeeping:
    """`changed` is called when the node's pressure is another than before."""

    def __init__(
        self,
        options: Options,
        places: Places,
        workers: Callable[[], Sequence[PodWorker]],
        changed: Callable[[], None],
    ) -> None:
        self._options = options
        self._places = places
        self._workers = workers
        self._changed = changed
        soft = soft_thresholds(options.eviction_soft, options.eviction_soft_lasting)
        self._thresholds = (*thresholds(options.eviction_hard), *soft)
        self._met_since_s: Mapping[Threshold, float] = {}
        self._calm: dict[str, int] = {}
        self._round_at_s = time.monotonic()
        self._asked = False  # nobody has wanted to know yet: no sample is taken
        self.sampler = Sampler(options.node_name, options.root_dir)
        self.pressure: frozenset[str] = frozenset()

    def late_s(self) -> float:
        """How long the last round is over due; 0 while all is well."""
        since_s = time.monotonic() - self._round_at_s
        return since_s if since_s > _LATE_S else 0.0

    async def run(self) -> None:
        while True:
            self._round_at_s = time.monotonic()
            await asyncio.to_thread(self._rotate_logs)
            if self._asked:
                await asyncio.to_thread(self.sampler.collect, self._workers())
            await self._look_for_pressure()
            await self._look_at_storage()
            await asyncio.sleep(_EVERY_S)

    def sample(self) -> Taken:
        """What is used now; reads files."""
        self._asked = True
        return self.sampler.collect(self._workers())

    def _rotate_logs(self) -> None:
        options = self._options
        for worker in self._workers():
            for record in worker.runtime.containers:
                if record.exit is None:
                    bundle = self._places.container(worker.pod.metadata.uid, record.name, record.attempt)
                    rotate(record.log_path, f"{bundle}/ctl", options.log_max_bytes, options.log_max_files)

    async def _look_for_pressure(self) -> None:
        left = await asyncio.to_thread(levels, self._options.root_dir)
        found = look(self._thresholds, left, self._met_since_s, time.monotonic())
        self._met_since_s = found.since_s
        for condition in self._calm:
            self._calm[condition] += 1
        self._calm |= {each.condition: 0 for each in found.shortages}
        self._calm = {name: rounds for name, rounds in self._calm.items() if rounds < _CALM_ROUNDS}
        if self.pressure != self._calm.keys():
            self.pressure = frozenset(self._calm)
            logger.warning("node pressure", conditions=",".join(sorted(self.pressure)) or "none")
            self._changed()
        if found.due:
            await self._evict_one(found.due[0])

    async def _evict_one(self, shortage: Shortage) -> None:
        """One at a time: what it gives back shows in the next round."""
        present = [each for each in self._workers() if each.facts.evicted is None and not each.static]
        used = await asyncio.to_thread(self.sampler.memory_of, present)
        chosen = victim(
            shortage, [Candidate(each.pod, used.get(each.pod.metadata.uid, 0)) for each in present]
        )
        for worker in present:
            if chosen and worker.pod.metadata.uid == chosen.pod.metadata.uid:
                longest_s = self._options.eviction_longest_grace_s
                worker.evict(sentence(shortage), grace_s(shortage, worker.pod, longest_s))

    async def _look_at_storage(self) -> None:
        for worker in self._workers():
            if worker.facts.evicted is None and worker.runtime.sandbox and not worker.static:
                why = await asyncio.to_thread(excess, self._places, worker.pod, worker.runtime)
                if why:
                    worker.evict(why)
