"""Times as the API writes them, and as numbers."""

from datetime import UTC, datetime


def rfc3339(epoch_s: float) -> str:
    """UTC in whole seconds (metav1.Time)."""
    return datetime.fromtimestamp(int(epoch_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(epoch_s: float) -> str:
    """UTC with microseconds (metav1.MicroTime), which Leases use."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def epoch(text: str) -> float:
    """Unix seconds; fractions of more than six digits are cut."""
    if len(text) > 27 and "." in text:
        head, _, tail = text.partition(".")
        digits = tail[: next((i for i, c in enumerate(tail) if not c.isdigit()), len(tail))]
        text = f"{head}.{digits[:6]}{tail[len(digits) :]}"
    return datetime.fromisoformat(text).timestamp()
