"""Settings of all tests. In CI chance has no part: properties try the same examples each time; at a desk new ones."""

import os

import pytest
from hypothesis import HealthCheck, settings

# A machine that stands still for some seconds is no fault of an example's.
_AT_LEISURE = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
_IN_CI = bool(os.environ.get("CI"))
settings.register_profile("ci", derandomize=True, **_AT_LEISURE)
settings.register_profile("desk", **_AT_LEISURE)
settings.load_profile("ci" if _IN_CI else "desk")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What is found unclosed when garbage is collected is laid to whichever test runs then: in CI it is only shown."""
    if _IN_CI:
        shown = pytest.mark.filterwarnings("default::pytest.PytestUnraisableExceptionWarning")
        for item in items:
            item.add_marker(shown)
