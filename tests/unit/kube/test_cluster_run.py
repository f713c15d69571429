import asyncio
import os
import threading
import time
from pathlib import Path

import pytest

from kube.client import Client, Unreachable
from kube.cluster_run import Cluster
from kube.objects import ConfigMap, Namespace, ObjectMeta


def ask(cluster: Cluster, name: str) -> list[str]:
    """Make a namespace; the names of all."""

    async def main() -> list[str]:
        client = Client.from_kubeconfig(str(cluster.kubeconfig), user_agent="test")
        try:
            await client.create(Namespace(metadata=ObjectMeta(name=name)))
            return [found.metadata.name for found in (await client.list(Namespace)).items]
        finally:
            await client.close()

    return asyncio.run(main())


def test_it_answers_at_once_and_leaves_nothing_behind() -> None:
    with Cluster() as first:
        ask(first, "first")  # what imports open stays open
    threads, descriptors = set(threading.enumerate()), os.listdir("/proc/self/fd")
    with Cluster() as cluster:
        folder = cluster.kubeconfig.parents[1]
        assert cluster.url.startswith("https://127.0.0.1:")
        assert "mine" in ask(cluster, "mine")
    assert not folder.exists()
    assert set(threading.enumerate()) == threads
    assert len(os.listdir("/proc/self/fd")) == len(descriptors)
    with pytest.raises(RuntimeError, match="not running"):
        _ = cluster.kubeconfig


def test_after_the_first_import_a_start_takes_a_fraction_of_a_second() -> None:
    with Cluster():
        pass
    took_s = []
    for _ in range(3):
        began = time.monotonic()
        with Cluster() as cluster:
            assert cluster.kubeconfig.exists()
            took_s.append(time.monotonic() - began)
    assert min(took_s) < 3.0  # 0.03 to 0.1 s on an idle machine


def test_several_at_a_time_know_nothing_of_each_other() -> None:
    with Cluster() as one, Cluster(controllers=False) as two, Cluster() as three:
        assert "a" in ask(one, "a")
        assert "a" not in ask(two, "b")
        assert not {"a", "b"} & set(ask(three, "c"))


def test_a_folder_keeps_objects_for_the_next_start(tmp_path: Path) -> None:
    with Cluster(data_dir=tmp_path) as cluster:
        ask(cluster, "kept")
    with Cluster(data_dir=tmp_path) as cluster:
        assert "kept" in ask(cluster, "more")


def test_what_keeps_it_from_starting_is_raised(tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("this is no database, and it is long enough to be seen as such")
    with pytest.raises(Exception, match=r"state\.db"), Cluster(data_dir=tmp_path):
        pass


def test_controllers_work_and_a_stopped_cluster_is_unreachable() -> None:
    async def default_account(kubeconfig: Path) -> None:
        client = Client.from_kubeconfig(str(kubeconfig), user_agent="test")
        async with asyncio.timeout(90):
            while not (await client.list(ConfigMap, "default")).items:  # noqa: ASYNC110 - of kube-root-ca.crt
                await asyncio.sleep(0.02)
        await client.close()

    with Cluster() as cluster:
        asyncio.run(default_account(cluster.kubeconfig))
        kept = cluster.kubeconfig.read_text()

    async def gone(path: Path) -> None:
        client = Client.from_kubeconfig(str(path), user_agent="test")
        with pytest.raises(Unreachable):
            await client.raw("GET", "/readyz")
        await client.close()

    path = Path(os.environ.get("TMPDIR", "/tmp")) / f"podnet-kubeconfig-{os.getpid()}"
    path.write_text(kept)
    try:
        asyncio.run(gone(path))
    finally:
        path.unlink()


def test_the_fixture_is_a_running_cluster(cluster_api: Cluster) -> None:
    assert "mine" in ask(cluster_api, "mine")
