"""API times (RFC 3339 text) as Unix seconds and back."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from kube.events import timestamp

__all__ = ["micro_timestamp", "seconds", "timestamp"]


@lru_cache(maxsize=16384)
def seconds(text: str) -> float:
    """Unix seconds of an API time, with or without a fraction."""
    return datetime.fromisoformat(text).timestamp()


def micro_timestamp(now: float) -> str:
    """metav1.MicroTime, as Leases and the endpoints' trigger time have it."""
    return datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
