"""The servers of healthCheckNodePort: open while their service asks for them, whatever its endpoints."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from kproxy.pages.checks import Check
from kproxy.pages.health import Answer, service_answer
from kproxy.pages.serve import HttpServer, Request
from kube.objects import NamespacedName
from linux.logging_kv import get_logger

_log = get_logger("kproxy.checks")


class CheckServers:
    """One per service, on each address that node ports are answered on."""

    def __init__(self, is_healthy: Callable[[], bool]) -> None:
        self._is_healthy = is_healthy
        self._running: dict[NamespacedName, tuple[Check, list[HttpServer]]] = {}

    async def update(
        self, wanted: Mapping[NamespacedName, Check | None], hosts: Sequence[str]
    ) -> dict[NamespacedName, str]:
        """Make these services' servers so; what failed, with why. A port that stays is not closed meanwhile."""
        failed: dict[NamespacedName, str] = {}
        for service, check in wanted.items():
            running = self._running.get(service)
            if check is not None and running is not None and running[0].port == check.port:
                self._running[service] = (check, running[1])
                continue
            if running is not None:
                self._stop(service)
            if check is not None:
                try:
                    await self._start(service, check, hosts)
                except OSError as error:
                    failed[service] = f"port {check.port}: {error.strerror}"
        return failed

    async def _start(self, service: NamespacedName, check: Check, hosts: Sequence[str]) -> None:
        servers: list[HttpServer] = []
        self._running[service] = (check, servers)
        try:
            for host in hosts:
                server = HttpServer(partial(self._answer, service))
                await server.start(host, check.port, ipv6_alone=True)  # IPv4 has its own
                servers.append(server)
        except OSError:
            self._stop(service)
            raise

    def _stop(self, service: NamespacedName) -> None:
        for server in self._running.pop(service)[1]:
            server.close()

    def _answer(self, service: NamespacedName, _request: Request) -> Answer:
        check = self._running[service][0]
        return service_answer(service, check.local_count, proxy_healthy=self._is_healthy())

    def close(self) -> None:
        for service in list(self._running):
            self._stop(service)
