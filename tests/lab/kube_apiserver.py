"""A real kube-apiserver on an etcd of its own, with our certificates; KUBE_APISERVER=path says where it is."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from kube import certs
from kube.client import ApiError, Client
from linux import process
from tests.lab.etcd_server import EtcdCluster
from tests.ports import free_port

T = TypeVar("T")
_START_TIMEOUT_S = 90.0
TOKENS = {"token-one": "one", "token-two": "two"}
"""Static tokens and their users, all of system:masters."""


def program() -> str:
    """Skips the test where there is none."""
    found = os.environ.get("KUBE_APISERVER", "")
    if not found:
        pytest.skip("NOT TRIED AGAINST A REAL API SERVER: set KUBE_APISERVER=path of a kube-apiserver")
    return found


def _public(key: Path, folder: Path) -> Path:
    """kube-apiserver reads EC keys of PKCS #8 for signing, but not for checking."""
    from cryptography.hazmat.primitives import serialization

    private = serialization.load_pem_private_key(key.read_bytes(), None)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    path = folder / "service-account.pub"
    path.write_bytes(private.public_key().public_bytes(serialization.Encoding.PEM, form))
    return path


class KubeApiserver:
    """Start, kill, start again: its etcd goes on meanwhile."""

    def __init__(self, folder: Path, *options: str) -> None:
        argv = [program()]
        self.etcd = EtcdCluster(folder / "etcd")
        self.port = free_port()
        self.pki = certs.ensure(folder, advertise_address="127.0.0.1", secure_port=self.port)
        tokens = folder / "tokens.csv"
        tokens.write_text("".join(f'{t},{user},{user},"system:masters"\n' for t, user in TOKENS.items()))
        host, etcd_port, *_ = self.etcd.endpoints[0]
        key = str(self.pki.service_account_key)
        argv += [f"--etcd-servers=http://{host}:{etcd_port}", f"--secure-port={self.port}"]
        argv += ["--bind-address=127.0.0.1", "--advertise-address=192.0.2.1"]  # loopback is refused
        argv += ["--service-cluster-ip-range=10.96.0.0/16"]
        argv += [f"--tls-cert-file={self.pki.certificate('server')}"]
        argv += [f"--tls-private-key-file={self.pki.key('server')}", f"--client-ca-file={self.pki.ca}"]
        argv += [f"--service-account-key-file={_public(self.pki.service_account_key, folder)}"]
        argv += [f"--service-account-signing-key-file={key}"]
        argv += ["--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"]
        argv += [f"--token-auth-file={tokens}", "--disable-admission-plugins=ServiceAccount"]
        self._argv = [*argv, *options]
        self._log = folder / "kube-apiserver.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def kubeconfig(self) -> Path:
        return self.pki.kubeconfig()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Returns when it is ready."""
        with self._log.open("ab") as log:
            self._process = process.spawn(self._argv, stdout=log, stderr=log)
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        while not self._is_ready():
            assert self._process.poll() is None, self._log.read_text()[-3000:]
            assert time.monotonic() < give_up_at, self._log.read_text()[-3000:]
            time.sleep(0.05)

    def _is_ready(self) -> bool:
        async def ask(client: Client) -> bool:
            await client.raw("GET", "/readyz")
            await client.raw("GET", "/api/v1/namespaces/default")
            return True

        try:
            return self.call(ask)
        except ApiError:
            return False

    def call(self, act: Callable[[Client], Awaitable[T]]) -> T:
        """With a client of the administrator."""

        async def whole() -> T:
            client = Client.from_kubeconfig(str(self.kubeconfig), user_agent="test")
            try:
                return await act(client)
            finally:
                await client.close()

        return asyncio.run(whole())

    def kill(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def __enter__(self) -> "KubeApiserver":
        self.etcd.__enter__()
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.etcd.__exit__()
