"""A throw-away etcd on loopback: Debian's, or the program that ETCD names."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from kube.store.etcd.options import Endpoint
from linux import process
from tests.ports import free_ports

START_TIMEOUT_S = 120


class Tls(NamedTuple):
    ca: Path
    cert: Path
    key: Path


def program() -> str:
    """The etcd to run; skips the test where there is none."""
    found = process.find(os.environ.get("ETCD", "etcd"))
    if found is None:
        pytest.skip("NO ETCD ON THIS MACHINE, its store is not tested: apt-get install etcd-server")
    return found


class EtcdServer:
    """One member; its data outlives its process."""

    def __init__(
        self, folder: Path, name: str, ports: tuple[int, int], cluster: Sequence[str], tls: Tls | None = None
    ) -> None:
        self.endpoint = Endpoint("127.0.0.1", ports[0], tls is not None)
        scheme = "http" if tls is None else "https"
        client = f"{scheme}://127.0.0.1:{ports[0]}"
        peer = f"http://127.0.0.1:{ports[1]}"
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / f"{name}.log"
        self._data = folder / name
        self._argv = [program(), "--name", name, "--data-dir", str(self._data)]
        self._argv += ["--listen-client-urls", client, "--advertise-client-urls", client]
        self._argv += ["--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer]
        self._argv += ["--initial-cluster", ",".join(cluster), "--logger", "zap", "--log-level", "warn"]
        if tls is not None:
            self._argv += ["--client-cert-auth", "--trusted-ca-file", str(tls.ca)]
            self._argv += ["--cert-file", str(tls.cert), "--key-file", str(tls.key)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = process.spawn(self._argv, stdout=log, stderr=log)

    def wait_ready(self) -> None:
        """Until it takes writes; for a server with TLS, until it listens."""
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while not self._ready():
            assert self._process is not None
            if time.monotonic() > give_up_at or self._process.poll() is not None:
                pytest.fail(f"etcd did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def _ready(self) -> bool:
        try:
            if self.endpoint.tls:
                socket.create_connection(self.endpoint[:2], timeout=20).close()
                return True
            connection = http.client.HTTPConnection(*self.endpoint[:2], timeout=20)
            try:
                connection.request("GET", "/health")
                return connection.getresponse().status == 200
            finally:
                connection.close()
        except OSError:
            return False

    def signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def forget(self) -> None:
        """Remove the data of a killed member."""
        shutil.rmtree(self._data)


class EtcdCluster:
    """Members that know each other; a context that ends with nothing left."""

    def __init__(self, folder: Path, size: int = 1, tls: Tls | None = None) -> None:
        ports = free_ports(2 * size)
        names = [f"m{n}" for n in range(size)]
        cluster = [f"{name}=http://127.0.0.1:{ports[2 * n + 1]}" for n, name in enumerate(names)]
        self.members = [
            EtcdServer(folder, name, (ports[2 * n], ports[2 * n + 1]), cluster, tls)
            for n, name in enumerate(names)
        ]

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        return tuple(member.endpoint for member in self.members)

    def __enter__(self) -> "EtcdCluster":
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for member in self.members:
            member.kill()
