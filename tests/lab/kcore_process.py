"""A `kcore` in a process of its own, on a port that outlives it: killed and started again by tests."""

import os
import signal
import subprocess
from pathlib import Path

from kube.client import Client
from linux import process
from tests.ports import free_port

KCORE = Path(__file__).parents[2] / ".venv" / "bin" / "kcore"


class Kcore:
    """`folder` is its --data-dir; `log` collects what it says on standard error, over all starts."""

    def __init__(self, folder: Path, *options: str, command: str = "apiserver") -> None:
        self.folder = folder
        self.log = folder.with_name(f"{folder.name}.log")
        self._argv = [str(KCORE), command, "--data-dir", str(folder), "--bind-address", "127.0.0.1"]
        self.port = free_port()
        self._argv += ["--secure-port", str(self.port), "--advertise-address", "127.0.0.1", *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it serves."""
        with self.log.open("ab") as log:
            self._process = process.spawn(self._argv, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert b"serving on" in line, self.log.read_text()[-3000:]

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        if self._process is None:
            return
        assert self._process.stdout is not None
        self._process.send_signal(number)
        self._process.wait(60)
        self._process.stdout.close()
        self._process = None

    @property
    def rss_bytes(self) -> int:
        assert self._process is not None
        pages = Path(f"/proc/{self._process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig" / "admin.kubeconfig"

    def client(self) -> Client:
        return Client.from_kubeconfig(str(self.kubeconfig), user_agent="test")
