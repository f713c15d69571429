"""The official Python client and lightkube against `kcore all`, each in an environment of its own."""

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from linux import process
from tests.lab.environments import interpreter_with

pytestmark = pytest.mark.lab

ROOT = Path(__file__).parents[2]
SCRIPTS = Path(__file__).parent / "python_clients"
KCORE = ROOT / ".venv" / "bin" / "kcore"


@pytest.fixture(scope="module")
def interpreter() -> Path:
    return interpreter_with(SCRIPTS / "requirements.txt", "THE PYTHON CLIENTS")


def _serve(folder: Path) -> "subprocess.Popen[bytes]":
    argv = [str(KCORE), "all", "--data-dir", str(folder), "--bind-address", "127.0.0.1"]
    argv += ["--secure-port", "0", "--advertise-address", "127.0.0.1", "--profile", "lab"]
    argv += ["--compaction-interval", "0.5"]
    with (folder / "log").open("ab") as log:
        server = process.spawn(argv, stdout=subprocess.PIPE, stderr=log)
    assert server.stdout is not None
    assert b"serving on" in server.stdout.readline(), (folder / "log").read_text()
    return server


def _end(server: "subprocess.Popen[bytes]") -> None:
    server.terminate()
    server.wait(60)
    assert server.stdout is not None
    server.stdout.close()


@pytest.fixture(scope="module")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Of a server that was restarted, so that its first revisions are neither in its memory nor in its store."""
    folder = tmp_path_factory.mktemp("kcore")
    first = _serve(folder)
    time.sleep(1.5)
    _end(first)
    server = _serve(folder)
    try:
        yield folder / "kubeconfig" / "admin.kubeconfig"
    finally:
        _end(server)
        assert "Traceback" not in (folder / "log").read_text()


@pytest.mark.parametrize("script", ["kubernetes_calls.py", "lightkube_calls.py"])
def test_a_python_client_is_served_as_by_the_real_server(
    script: str, interpreter: Path, kubeconfig: Path
) -> None:
    done = process.run(
        [str(interpreter), "-W", "error::UserWarning", str(SCRIPTS / script)],
        env={"PATH": os.environ["PATH"], "KUBECONFIG": str(kubeconfig)},
        timeout_s=300,
        check=False,
    )
    assert done.code == 0, done.stderr[-3000:]
    assert done.stdout.strip() == "every call was answered as expected"
