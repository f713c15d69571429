"""Fixtures for tests that need a network: a whole lab, or a namespace. Loaded by pytest where podnet is installed."""

import os
import shutil
from collections.abc import Iterator

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-kernel",
        action="store_true",
        help="fail, not skip, lab tests whose kernel feature or program is missing",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Lab tests need root: without it each says so, loudly, instead of failing in its middle."""
    if os.geteuid() == 0:
        return
    reason = pytest.mark.skip(reason="lab tests need root: run them as root, e.g. with sudo make lab")
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    yield from _skipping_without_kubectl(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    yield from _skipping_without_kubectl(item)


def _skipping_without_kubectl(item: pytest.Item) -> Iterator[None]:
    """Debian 12 has no kubectl of our days: where it is missing its tests say so; all else set-up installs."""
    try:
        yield
    except Exception as error:
        argv = getattr(error, "argv", ("",))
        if argv[0] != "kubectl" or shutil.which("kubectl") or item.config.getoption("--require-kernel"):
            raise
        pytest.skip("the real kubectl is not installed on this machine")


@pytest.fixture
def missing(request: pytest.FixtureRequest) -> object:
    """Call `missing("ipset")` where something is not there: skips with the reason, or fails on --require-kernel."""

    def say(what: str) -> None:
        text = f"{what} is missing on this machine"
        if request.config.getoption("--require-kernel"):
            pytest.fail(text)
        pytest.skip(text)

    return say


@pytest.fixture
def cluster_api() -> Iterator[object]:
    """API server, scheduler and controllers in this process, empty, for one test: a `kube.cluster_run.Cluster`."""
    from kube.cluster_run import Cluster

    with Cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def lab_name() -> str:
    """Unlike any lab a person would start; two test runs do not meet."""
    return f"test-{os.getpid()}"


@pytest.fixture(scope="session")
def lab(lab_name: str) -> Iterator[object]:
    """A dual-stack lab of three nodes, all Ready, for the whole session: a `netns_fixtures.cluster_run.Cluster`."""
    from netns_fixtures.cluster_run import Cluster

    with Cluster.up(lab_name, node_count=3) as cluster:
        yield cluster
