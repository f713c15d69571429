"""The kcore command: a whole run as a process, and its one-line errors."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kube import cli


def _kcore(*arguments: str, **more: Any) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "kube.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def test_all_serves_and_ends_on_sigterm(tmp_path: Path) -> None:
    child = _kcore("all", "--data-dir", str(tmp_path), "--bind-address", "127.0.0.1", "--secure-port", "0")
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line.startswith("kcore: serving on https://127.0.0.1:")
    port = int(line.rsplit(":", 1)[1])
    config = json.loads((tmp_path / "kubeconfig" / "admin.kubeconfig").read_text())
    assert config["clusters"][0]["cluster"]["server"] == f"https://127.0.0.1:{port}"
    second = _kcore(
        "apiserver", "--data-dir", str(tmp_path), "--bind-address", "127.0.0.1", "--secure-port", "0"
    )
    out, err = second.communicate(timeout=120)
    assert (out, second.returncode) == ("", 1)
    assert "in use by another process" in err
    os.kill(child.pid, signal.SIGTERM)
    _, err = child.communicate(timeout=120)
    assert child.returncode == 0
    assert "Traceback" not in err


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        child = _kcore(
            "all", "--data-dir", str(tmp_path), "--bind-address", "127.0.0.1", "--secure-port", port
        )
        _, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert err.startswith(f"kcore: cannot listen on 127.0.0.1 port {port}: ")
    assert err.endswith("choose another --secure-port\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["init", "--node", "n1"], "--node n1: want NAME=IP[,IP]"),
        (["init", "--node", "n1=here"], "--node: 'here' is not an IP address"),
        (["apiserver", "--service-cluster-ip-range", "10.0.0.1/8"], "--service-cluster-ip-range: "),
        (["apiserver", "--service-node-port-range", "9-3"], "--service-node-port-range 9-3: "),
        (["all", "--advertise-address", "me"], "--advertise-address: "),
    ],
)
def test_wrong_usage_is_status_2(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*arguments, "--data-dir", str(tmp_path)])
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"kcore: {message}")


def test_a_missing_kubeconfig_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["scheduler", "--kubeconfig", str(tmp_path / "none")])
    assert caught.value.code == 1
    assert capsys.readouterr().err.splitlines()[0].startswith("kcore: kubeconfig ")


def test_a_backup_is_restored_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    here, there, file = tmp_path / "here", tmp_path / "there", tmp_path / "backup"
    child = _kcore("apiserver", "--data-dir", str(here), "--bind-address", "127.0.0.1", "--secure-port", "0")
    assert child.stdout is not None
    child.stdout.readline()
    cli.main(["backup", "--data-dir", str(here), str(file)])
    child.terminate()
    child.communicate(timeout=120)
    cli.main(["restore", "--data-dir", str(there), str(file)])
    out = capsys.readouterr().out
    assert "objects at revision" in out
    assert "objects are restored at revision" in out
    with pytest.raises(SystemExit) as caught:
        cli.main(["restore", "--data-dir", str(there), str(file)])
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith("kcore: ")


def test_init_says_what_to_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["init", "--data-dir", str(tmp_path), "--node", "n1=10.0.0.11"])
    assert str(tmp_path / "kubeconfig" / "admin.kubeconfig") in capsys.readouterr().out
    assert (tmp_path / "pki" / "node-n1.crt").exists()


def test_completion_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["--print-completion", "bash"])
    assert "kcore" in capsys.readouterr().out
    with pytest.raises(SystemExit) as caught:
        cli.main([])
    assert caught.value.code == 2
    assert "examples:" in capsys.readouterr().out
