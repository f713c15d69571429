"""Keeps the servers of healthCheckNodePort as their services ask for them; what failed is tried with the next sync."""

from collections.abc import Callable, Iterable, Sequence

from kproxy.forwarding import ServicePortName
from kproxy.intake import Intake
from kproxy.pages.checks import checks_of
from kproxy.pages.checks_serve import CheckServers
from kube.objects import NamespacedName
from linux.logging_kv import get_logger

_log = get_logger("kproxy.checks")


class ServiceChecks:
    def __init__(self, is_healthy: Callable[[], bool]) -> None:
        self._servers = CheckServers(is_healthy)
        self._due: set[ServicePortName] = set()
        self.on_failure: Callable[[NamespacedName, str], None] | None = None

    def look_at(self, names: Iterable[ServicePortName]) -> None:
        """With the next update."""
        self._due |= set(names)

    async def update(self, intake: Intake, hosts: Callable[[], Sequence[str]]) -> None:
        """`hosts` are the addresses to listen on."""
        due, self._due = self._due, set()
        if not due:
            return
        ports = due | intake.ports_of({NamespacedName(*name[:2]) for name in due})
        failed = await self._servers.update(checks_of(intake.known, ports), hosts())
        for service, reason in failed.items():
            _log.error(
                "no health check server, tried again with the next sync", service=service, error=reason
            )
            self._due |= {name for name in due if name[:2] == service}
            if self.on_failure is not None:
                self.on_failure(service, reason)
