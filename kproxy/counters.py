"""Connections by service, from counters that start anew whenever their element does. Pure."""

from collections.abc import Mapping

SHOWN_MAX = 1000
"""Services with a series of their own in the metrics; a scrape must stay small in a cluster of 10,000."""


class Totals:
    """Adds up what a counter grew by; one that fell was made anew and counts from nothing."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._totals: dict[str, int] = {}

    def take(self, counted: Mapping[str, int]) -> None:
        for service, count in counted.items():
            last = self._last.get(service, 0)
            grown = count - last if count >= last else count
            if grown:
                self._totals[service] = self._totals.get(service, 0) + grown
        self._last = dict(counted)
        self._totals = {service: total for service, total in self._totals.items() if service in counted}

    def shown(self) -> dict[str, int]:
        """The busiest, by name."""
        if len(self._totals) <= SHOWN_MAX:
            return dict(sorted(self._totals.items()))
        busiest = sorted(self._totals.items(), key=lambda item: -item[1])[:SHOWN_MAX]
        return dict(sorted(busiest))
