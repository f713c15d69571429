"""How long to wait after the n-th failure in a row, with jitter so that clients do not come back together."""

from random import Random


class Backoff:
    """client-go's reflector: 0.8 s doubling to 30 s, each up to twice as long by chance."""

    def __init__(self, rng: Random, *, first_s: float = 0.8, limit_s: float = 30.0) -> None:
        self._rng = rng
        self._first_s = first_s
        self._limit_s = limit_s
        self._failure_count = 0

    def next_s(self) -> float:
        """The wait after one more failure."""
        delay_s = min(self._first_s * 2.0**self._failure_count, self._limit_s)
        self._failure_count = min(self._failure_count + 1, 32)
        return delay_s * (1.0 + self._rng.random())

    def succeeded(self) -> None:
        self._failure_count = 0
