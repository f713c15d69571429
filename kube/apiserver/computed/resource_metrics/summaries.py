"""The summaries of all nodes: asked for together, remembered for a moment, missing where a node does not answer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

import msgspec

_log = logging.getLogger(__name__)
PATH = "/stats/summary"
_FRESH_S = 2.0
_ANSWERS_WITHIN_S = 5.0


class Place(NamedTuple):
    """Where a node agent listens."""

    node: str
    host: str
    port: int


class Use(msgspec.Struct, frozen=True):
    """CPU in billionths of a core and memory in bytes; None where the node does not say."""

    cpu_nano: int | None = None
    memory_bytes: int | None = None


class Summary(msgspec.Struct, frozen=True):
    """Of one node; pods by uid, their containers by name."""

    node: Use
    pods: dict[str, dict[str, Use]]


Fetch = Callable[[str, int, str], Awaitable[bytes]]  # host, port and path to the body; raises OSError


class NodeSummaries:
    """`clock` gives seconds; only differences count."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float]) -> None:
        self._fetch = fetch
        self._clock = clock
        self._known: dict[Place, tuple[float, Summary]] = {}

    async def of(self, places: Iterable[Place]) -> dict[str, Summary]:
        """By node."""
        wanted = list(places)
        for place in set(self._known) - set(wanted) if len(self._known) > 2 * len(wanted) + 8 else ():
            del self._known[place]
        found = await asyncio.gather(*(self._one(place) for place in wanted))
        pairs = zip(wanted, found, strict=True)
        return {place.node: summary for place, summary in pairs if summary is not None}

    async def _one(self, place: Place) -> Summary | None:
        known = self._known.get(place)
        if known is not None and self._clock() - known[0] < _FRESH_S:
            return known[1]
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                body = await self._fetch(place.host, place.port, PATH)
            summary = parse(body)
        except (OSError, TimeoutError, msgspec.DecodeError) as error:
            _log.warning("no metrics of node %s: %s", place.node, str(error) or "no answer in time")
            return None
        self._known[place] = (self._clock(), summary)
        return summary


class _Cpu(msgspec.Struct):
    nano: int | None = msgspec.field(name="usageNanoCores", default=None)


class _Memory(msgspec.Struct):
    working_set_bytes: int | None = msgspec.field(name="workingSetBytes", default=None)


class _Stats(msgspec.Struct):
    name: str = ""
    cpu: _Cpu | None = None
    memory: _Memory | None = None

    def use(self) -> Use:
        return Use(
            self.cpu.nano if self.cpu is not None else None,
            self.memory.working_set_bytes if self.memory is not None else None,
        )


class _PodRef(msgspec.Struct):
    uid: str


class _PodStats(msgspec.Struct):
    pod: _PodRef = msgspec.field(name="podRef")
    containers: tuple[_Stats, ...] | None = None


class _Summary(msgspec.Struct):
    node: _Stats
    pods: tuple[_PodStats, ...] | None = None


_DECODER = msgspec.json.Decoder(_Summary)


def parse(body: bytes) -> Summary:
    """Of stats.k8s.io/v1alpha1 Summary. Raises msgspec.DecodeError."""
    found = _DECODER.decode(body)
    pods = {
        stats.pod.uid: {each.name: each.use() for each in stats.containers or ()}
        for stats in found.pods or ()
    }
    return Summary(found.node.use(), pods)
