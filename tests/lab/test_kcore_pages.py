"""A scheduler alone serves health to everybody and metrics to whom the API server grants them."""

import asyncio
import signal
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import msgspec
import pytest

from kube.certs import Pki
from linux import process
from tests.lab.kcore_process import KCORE, Kcore
from tests.ports import free_port

pytestmark = pytest.mark.lab
_PATIENCE_S = 90.0
_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts"
_NAMES = (
    "scheduler_schedule_attempts_total",
    "scheduler_pending_pods",
    "scheduler_scheduling_attempt_duration_seconds",
    "rest_client_requests_total",
    "process_resident_memory_bytes",
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Kcore]:
    made = Kcore(tmp_path / "kcore", "--authorization-mode", "Node,RBAC", "--fsync", "normal")
    made.start()
    yield made
    made.end()


@contextmanager
def _scheduler(server: Kcore) -> Iterator[int]:
    """Its port; it is itself, not an administrator."""
    port = free_port()
    kubeconfig = str(Pki(server.folder).kubeconfig("kube-scheduler"))
    argv = [str(KCORE), "scheduler", "--kubeconfig", kubeconfig, "--bind-address", "127.0.0.1"]
    with server.log.open("ab") as log:
        started = process.spawn([*argv, "--secure-port", str(port)], stdout=log, stderr=log)
    try:
        yield port
    finally:
        started.send_signal(signal.SIGTERM)
        started.wait(60)


class Asking:
    """A browser of the scheduler's pages, which does not ask whose certificate it is."""

    def __init__(self, port: int) -> None:
        self._url = f"https://127.0.0.1:{port}"

    def page(self, path: str, *, token: str = "", pki: Pki | None = None) -> tuple[int, str]:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if pki is not None:
            context.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            with urlopen(
                Request(self._url + path, headers=headers), context=context, timeout=_PATIENCE_S
            ) as reply:
                return reply.status, reply.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def until(self, path: str, word: str, pki: Pki) -> str:
        """The page, when it has the word."""
        give_up_at = time.monotonic() + _PATIENCE_S
        said = ""
        while word not in said:
            assert time.monotonic() < give_up_at, f"no {word} in {said}"
            try:
                said = self.page(path, pki=pki)[1]
            except OSError:
                time.sleep(0.05)
        return said


async def _account(server: Kcore) -> str:
    """The token of a ServiceAccount that may do nothing."""
    client = server.client()

    async def post(path: str, body: object) -> bytes:
        headers = {"content-type": "application/json"}
        return (await client.raw("POST", path, headers=headers, body=msgspec.json.encode(body))).body

    try:
        await post(
            _ACCOUNT, {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": "prometheus"}}
        )
        said = await post(f"{_ACCOUNT}/prometheus/token", {"kind": "TokenRequest", "spec": {}})
    finally:
        await client.close()
    return str(msgspec.json.decode(said)["status"]["token"])


async def _grant(server: Kcore) -> None:
    client = server.client()
    binding = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "prometheus"},
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "system:monitoring",
        },
        "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "prometheus"}],
    }
    try:
        await client.raw(
            "POST",
            "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings",
            headers={"content-type": "application/json"},
            body=msgspec.json.encode(binding),
        )
    finally:
        await client.close()


def test_a_scheduler_alone_shows_its_pages_to_whom_may_see_them(server: Kcore) -> None:
    pki, token = Pki(server.folder), asyncio.run(_account(server))
    asyncio.run(_grant(server))
    with _scheduler(server) as port:
        asking = Asking(port)
        said = asking.until("/metrics", 'leader_election_master_status{name="kube-scheduler"} 1', pki)
        for page in ("/healthz", "/livez", "/readyz"):
            assert asking.page(page) == (200, "ok")
        assert "[+]leaderElection ok" in asking.page("/healthz?verbose")[1]
        code, refusal = asking.page("/metrics")
        assert code == 403
        assert "system:anonymous" in refusal
        assert asking.page("/metrics", token="nobody's")[0] == 401
        assert asking.page("/metrics", token=token)[0] == 200
        assert asking.page("/nothing", token=token)[0] == 403
        assert asking.page("/nothing", pki=pki)[0] == 404
        said = asking.until("/metrics", "scheduler_pending_pods{", pki)
        assert [name for name in _NAMES if f"# TYPE {name}" not in said] == []
