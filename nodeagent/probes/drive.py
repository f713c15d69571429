"""The probes of one running container, each in its rhythm, and what they add up to."""

import asyncio
from collections.abc import Callable
from random import Random

from kube.objects.containers import Container, Probe
from linux.logging_kv import get_logger
from nodeagent.pods.state import Health
from nodeagent.probes.plan import Streak, after, first_delay_s, quick_delays_s
from nodeagent.probes.run import Exec, Outcome, probe_once

logger = get_logger("knode.probes")
# (reason, message) of a Warning event
Tell = Callable[[str, str], None]


class ProbeRounds:
    """Runs until cancelled. `changed(health)` is called whenever the health is another than before."""

    def __init__(
        self,
        container: Container,
        ip: str,
        run: Exec,
        tell: Tell,
        changed: Callable[[Health], None],
        rng: Random,
    ) -> None:
        self._container = container
        self._ip = ip
        self._run = run
        self._tell = tell
        self._changed = changed
        self._rng = rng
        self._health = initial_health(container)
        self._liveness_task: asyncio.Task[None] | None = None
        self._ending = False

    async def run(self, *, restarted: bool) -> None:
        """Startup first; the other two begin when it has succeeded. `restarted`: this agent, not the container."""
        container = self._container
        if container.startup_probe and not await self._startup(container.startup_probe, restarted=restarted):
            return
        async with asyncio.TaskGroup() as group:
            if container.readiness_probe:
                group.create_task(self._readiness(container.readiness_probe, restarted=restarted))
            if container.liveness_probe and not self._ending:
                work = self._liveness(container.liveness_probe, restarted=restarted)
                self._liveness_task = group.create_task(work)

    def end_liveness(self) -> None:
        """The pod is being deleted: nobody wants to know any more whether to restart; readiness is still asked."""
        self._ending = True
        if self._liveness_task:
            _ = self._liveness_task.cancel()

    async def _startup(self, probe: Probe, *, restarted: bool) -> bool:
        verdict = await self._until_verdict("Startup", probe, wanted=True, restarted=restarted)
        if verdict:
            self._set(Health(started=True, ready=self._container.readiness_probe is None))
            return True
        self._set(
            Health(started=False, ready=False, failed_probe=_restart_message(self._container, "startup"))
        )
        return False

    async def _readiness(self, probe: Probe, *, restarted: bool) -> None:
        await asyncio.sleep(first_delay_s(probe, self._rng.random(), restarted=restarted))
        streak = await self._hasten(probe)
        while True:
            if streak.verdict is not None and streak.verdict != self._health.ready:
                self._set(Health(started=True, ready=streak.verdict, failed_probe=self._health.failed_probe))
            await asyncio.sleep(probe.period_seconds)
            outcome = await self._attempt("Readiness", probe)
            streak = after(streak, probe, success=outcome.success)

    async def _hasten(self, probe: Probe) -> Streak:
        """The first success of a program that is just starting, without waiting for the next period.

        core/v1 allows readiness probes at other times while a container is not ready. What fails here is no
        news to anybody, so only the last failure is told.
        """
        waited_s = 0.0
        for delay_s in quick_delays_s(probe):
            outcome = await probe_once(probe, self._container, self._ip, self._run)
            if outcome.success:
                return after(Streak(), probe, success=True)
            await asyncio.sleep(delay_s)
            waited_s += delay_s
        await asyncio.sleep(max(0.0, probe.period_seconds - waited_s))
        outcome = await self._attempt("Readiness", probe)
        return after(Streak(), probe, success=outcome.success)

    async def _liveness(self, probe: Probe, *, restarted: bool) -> None:
        await self._until_verdict("Liveness", probe, wanted=None, restarted=restarted)
        message = _restart_message(self._container, "liveness")
        self._set(Health(started=True, ready=self._health.ready, failed_probe=message))

    async def _until_verdict(self, kind: str, probe: Probe, *, wanted: bool | None, restarted: bool) -> bool:
        """Probe until the failure threshold is reached, or the success threshold if that is `wanted`."""
        await asyncio.sleep(first_delay_s(probe, self._rng.random(), restarted=restarted))
        streak = Streak()
        while True:
            outcome = await self._attempt(kind, probe)
            streak = after(streak, probe, success=outcome.success)
            if streak.verdict is False or (wanted and streak.verdict):
                return streak.verdict
            await asyncio.sleep(probe.period_seconds)

    async def _attempt(self, kind: str, probe: Probe) -> Outcome:
        outcome = await probe_once(probe, self._container, self._ip, self._run)
        if not outcome.success:
            self._tell("Unhealthy", f"{kind} probe failed: {outcome.output}")
        elif outcome.warning:
            self._tell("ProbeWarning", f"{kind} probe warning: {outcome.warning}")
        return outcome

    def _set(self, health: Health) -> None:
        if health != self._health:
            self._health = health
            self._changed(health)


def initial_health(container: Container) -> Health:
    """Before any probe has answered: not ready if something has to say so first."""
    started = container.startup_probe is None
    return Health(started=started, ready=started and container.readiness_probe is None)


def has_probes(container: Container) -> bool:
    return bool(container.startup_probe or container.readiness_probe or container.liveness_probe)


def _restart_message(container: Container, kind: str) -> str:
    return f"Container {container.name} failed {kind} probe, will be restarted"
