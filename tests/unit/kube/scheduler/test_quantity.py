"""Quantities as integers, rounded up."""

from __future__ import annotations

import pytest

from kube.scheduler import quantity


@pytest.mark.parametrize(
    ("resource", "text", "expected"),
    [
        ("cpu", "250m", 250),
        ("cpu", "1", 1000),
        ("cpu", "0.1", 100),
        ("cpu", "100u", 1),
        ("cpu", 2, 2000),
        ("memory", "64Mi", 64 << 20),
        ("memory", "1.5Gi", 3 << 29),
        ("memory", "1e3", 1000),
        ("memory", "1E", 10**18),
        ("memory", "128974848", 128974848),
        ("memory", "500m", 1),
        ("example.com/gpu", "2", 2),
    ],
)
def test_amounts(resource: str, text: str | int, expected: int) -> None:
    assert quantity.amount(resource, text) == expected


@pytest.mark.parametrize("text", ["", "x", "1Xi", "1.2.3", "12Q"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="quantity"):
        quantity.parse(text)
