"""Builders: a test names only what matters to it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kube.objects import Pod
from nodeagent.runtime.records import ContainerRecord, Exit, PodRuntime, SandboxRecord

EPOCH = "2026-01-01T00:00:00Z"


def build_pod(
    *,
    containers: list[dict[str, Any]] | None = None,
    metadata: dict[str, Any] | None = None,
    status: Any = None,
    **spec: Any,
) -> Pod:
    listed = containers if containers is not None else [{"name": "main", "image": "podnet/toolbox"}]
    return msgspec.convert(
        {
            "metadata": {"name": "web", "namespace": "default", "uid": "u1", **(metadata or {})},
            "spec": {"containers": listed, **spec},
            "status": status or {},
        },
        Pod,
    )


def build_record(
    name: str = "main", *, attempt: int = 0, code: int | None = None, **changes: Any
) -> ContainerRecord:
    """A running container, or with `code` one that has ended."""
    values: dict[str, Any] = {
        "name": name,
        "attempt": attempt,
        "id": f"{name}-{attempt}",
        "sandbox_id": "u1-0",
        "image": "podnet/toolbox",
        "image_id": "sha256:1",
        "created_at": EPOCH,
        "log_path": "/log",
        "started_at": EPOCH,
        "pid": 1,
        "monitor_pid": 2,
    }
    if code is not None:
        values["exit"] = Exit(code=code, finished_at=EPOCH, reason="Error" if code else "Completed")
    return ContainerRecord(**(values | changes))


def build_runtime(*records: ContainerRecord, sandbox: bool = True, torn_down: bool = False) -> PodRuntime:
    made = SandboxRecord(
        pod_uid="u1",
        pod_namespace="default",
        pod_name="web",
        id="u1-0",
        created_at=EPOCH,
        ips=("10.244.0.5", "fd00::5"),
        torn_down=torn_down,
    )
    return PodRuntime(sandbox=made if sandbox else None, containers=records)


@pytest.fixture
def pod() -> Callable[..., Pod]:
    return build_pod


@pytest.fixture
def record() -> Callable[..., ContainerRecord]:
    return build_record


@pytest.fixture
def runtime() -> Callable[..., PodRuntime]:
    return build_runtime
