"""Figures with their spread, as every part of the bench reports them."""

import statistics
from collections.abc import Sequence


def spread(values: Sequence[float], digits: int = 2) -> dict[str, float]:
    """Minimum, median, 90th percentile and maximum."""
    ordered = sorted(values)
    return {
        "min": round(ordered[0], digits),
        "median": round(statistics.median(ordered), digits),
        "p90": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], digits),
        "max": round(ordered[-1], digits),
        "count": len(ordered),
    }
