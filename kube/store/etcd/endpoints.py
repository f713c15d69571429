"""Which etcd server to ask: the one that works, until it does not."""

from collections.abc import Sequence

from kube.store.etcd.options import Endpoint

FIRST_PAUSE_S = 0.1
LAST_PAUSE_S = 2.0


class Endpoints:
    """Stays with one server; a failed one is left alone for a while that doubles with each failure."""

    def __init__(self, endpoints: Sequence[Endpoint], first: int = 0) -> None:
        self.all = tuple(endpoints)
        self._current = first % len(self.all)
        self._failures = [0] * len(self.all)
        self._free_at = [0.0] * len(self.all)

    @property
    def current(self) -> Endpoint:
        return self.all[self._current]

    def wait_s(self, now: float) -> float:
        """How long to wait before the current server may be asked; 0 in the good case."""
        return max(self._free_at[self._current] - now, 0.0)

    def failed(self, endpoint: Endpoint, now: float) -> None:
        """Go on with the next server that is not to be left alone, else with the one that is free first."""
        at = self.all.index(endpoint)
        if self._free_at[at] > now:
            return  # one failure, seen by several requests
        self._failures[at] += 1
        self._free_at[at] = now + min(FIRST_PAUSE_S * 2 ** (self._failures[at] - 1), LAST_PAUSE_S)
        if at != self._current:
            return
        count = len(self.all)
        others = [(at + step) % count for step in range(1, count + 1)]
        self._current = min(others, key=lambda n: max(self._free_at[n] - now, 0.0))

    def worked(self, endpoint: Endpoint) -> None:
        at = self.all.index(endpoint)
        self._failures[at] = 0
        self._free_at[at] = 0.0
