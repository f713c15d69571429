"""What lab tests share. When one fails, what the daemons it rests on have said is shown with it: it may not fail again."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linux import netns, process
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.last_words_disk import last_words

_LINES = 40
_ASKED = (
    ("get", "nodes,pods", "-A", "-o", "wide"),
    ("get", "events", "-A", "--sort-by=.metadata.creationTimestamp"),
)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    if report.failed:
        for name, value in getattr(item, "funcargs", {}).items():
            for title, text in _said_of(value):
                report.sections.append((f"{title} of {name}", text))
    return report


def _said_of(value: object) -> Iterator[tuple[str, str]]:
    """A cluster, or what has one, or a log: whatever a fixture gave."""
    try:
        cluster = getattr(value, "cluster", value)
        if isinstance(cluster, Cluster):
            yield "Logs", last_words(cluster.folder, _LINES)
            for arguments in _ASKED:
                told = cluster.kubectl(*arguments, check=False, timeout_s=20)
                yield (
                    f"kubectl {' '.join(arguments)}",
                    "\n".join(told.stdout.splitlines()[-_LINES:]) or told.stderr,
                )
        for holder in (value, getattr(value, "kcore", None)):
            log = getattr(holder, "log", None)
            if isinstance(log, Path) and log.exists():
                yield f"Log {log.name}", "\n".join(log.read_text(errors="replace").splitlines()[-_LINES:])
    except Exception as error:
        yield "No logs", repr(error)


@pytest.fixture(scope="session")
def vxlan(request: pytest.FixtureRequest) -> None:
    """For tests that need the kernel's driver."""
    fd = netns.create()
    try:
        done = netns.run_in(
            fd,
            lambda: process.run(
                ["ip", "link", "add", "v0", "type", "vxlan", "id", "1", "dstport", "4789"], check=False
            ),
        )
    finally:
        os.close(fd)
    if done.code:
        text = f"the kernel's vxlan driver (CONFIG_VXLAN) is missing on this machine: {done.stderr.strip()}"
        if request.config.getoption("--require-kernel"):
            pytest.fail(text)
        pytest.skip(text)
