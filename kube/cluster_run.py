"""A cluster's core in this process, for tests: API server, scheduler and controllers on a thread of their own.

    with Cluster() as cluster:
        subprocess.run(["kubectl", "--kubeconfig", cluster.kubeconfig, "get", "namespaces"])

Real HTTPS on a free port of loopback, certificates and kubeconfigs in a temporary folder, objects in memory. No
nodes: pods stay Pending until the test writes their status. Several may run at a time; the end of the block leaves
no thread, socket or file.
"""

import asyncio
import socket
import threading
from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import uvloop

from kube import certs
from kube.core_run import Plan, running

_STOP_S = 20.0
LOOPBACK = "127.0.0.1"


class Cluster:
    """`controllers` False: the API server alone, so that only the test changes objects.

    `data_dir` keeps objects, certificates and kubeconfigs there, for a test that starts a cluster again.
    """

    def __init__(
        self,
        *,
        controllers: bool = True,
        data_dir: Path | None = None,
        authorization_modes: tuple[str, ...] = ("AlwaysAllow",),
        profile: str = "lab",
    ) -> None:
        self._plan = Plan(
            command="all" if controllers else "apiserver",
            data_dir=data_dir,
            bind_address=LOOPBACK,
            advertise_address=LOOPBACK,
            secure_port=0,
            service_cidrs=("10.96.0.0/16", "fd00:10:96::/112"),
            cluster_cidrs=("10.244.0.0/16", "fd00:10:244::/56"),
            authorization_modes=authorization_modes,
            profile=profile,
            fsync="normal",
        )
        self._folder: TemporaryDirectory[str] | None = None
        self._thread: threading.Thread | None = None
        self._stop: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._pki: certs.Pki | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """Where the API is served: https://127.0.0.1:PORT."""
        return f"https://{LOOPBACK}:{self._port}"

    @property
    def kubeconfig(self) -> Path:
        """Of kubernetes-admin, who may do everything."""
        return self.kubeconfig_of("admin")

    def kubeconfig_of(self, identity: str) -> Path:
        """Of another identity that `kcore init` makes: kube-proxy, kube-scheduler, kdns."""
        if self._pki is None:
            raise RuntimeError("the cluster is not running: use it inside `with Cluster() as cluster`")
        return self._pki.kubeconfig(identity)

    @property
    def ca(self) -> Path:
        """The certificate authority, for clients that take no kubeconfig."""
        if self._pki is None:
            raise RuntimeError("the cluster is not running: use it inside `with Cluster() as cluster`")
        return self._pki.ca

    def __enter__(self) -> Self:
        listener = socket.create_server((LOOPBACK, 0), backlog=1024)
        try:
            self._start(listener)
        except BaseException:
            listener.close()
            self.__exit__()
            raise
        return self

    def _start(self, listener: socket.socket) -> None:
        self._port = listener.getsockname()[1]
        folder = self._plan.data_dir
        if folder is None:
            self._folder = TemporaryDirectory(prefix="podnet-cluster-")
            folder = Path(self._folder.name)
        self._pki = certs.ensure(folder, advertise_address=LOOPBACK, secure_port=self._port)
        plan = self._plan._replace(secure_port=self._port)
        started: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(plan, self._pki, listener, started), name="podnet-cluster", daemon=True
        )
        self._thread.start()
        started.result()

    def _run(self, plan: Plan, pki: certs.Pki, listener: socket.socket, started: "Future[None]") -> None:
        async def main() -> None:
            stop = asyncio.Event()
            async with running(plan, pki, listener):
                self._stop = asyncio.get_running_loop(), stop
                started.set_result(None)
                await stop.wait()

        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(main())
        except BaseException as error:  # to whoever waits for the start
            if started.done():
                raise
            started.set_exception(error)

    def __exit__(self, *_: object) -> None:
        if self._stop is not None:
            loop, stop = self._stop
            loop.call_soon_threadsafe(stop.set)
            self._stop = None
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        self._pki = None
