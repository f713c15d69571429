"""Runs the controllers: informers, then workers that take keys and reconcile."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from random import Random

from kube.client import ApiError, Client, Conflict, NotFound
from kube.controllers.context import Background, Context, Controller
from kube.controllers.options import ControllerOptions
from kube.measures import Measures, exponential

_log = logging.getLogger(__name__)


class QueueMetrics:
    """Of all controllers' queues, under client-go's names."""

    def __init__(self, measures: Measures, controllers: Sequence[Controller]) -> None:
        self._taken = measures.counter("workqueue_adds_total", "Keys taken to work on", ("name",))
        self._retries = measures.counter("workqueue_retries_total", "Keys that come again", ("name",))
        self._work_s = measures.histogram(
            "workqueue_work_duration_seconds", "Work on one key", ("name",), bounds=exponential(1e-5, 10, 7)
        )
        measures.gauge(
            "workqueue_depth",
            "Keys that wait",
            ("name",),
            lambda: {(each.name,): float(len(each.queue)) for each in controllers},
        )

    def worked(self, name: str, took_s: float) -> None:
        self._taken.add(name)
        self._work_s.observe(took_s, name)

    def failed(self, name: str) -> None:
        self._retries.add(name)


async def work(controller: Controller, metrics: QueueMetrics) -> None:
    """One worker: reconcile keys until cancelled; what fails comes again, later each time."""
    queue, loop = controller.queue, asyncio.get_running_loop()
    while True:
        key = await queue.get()
        begun_at = loop.time()
        try:
            await controller.reconcile(key)
        except (Conflict, NotFound):  # we looked at old state: the watch brings the new one
            metrics.failed(controller.name)
            queue.add_rate_limited(key)
        except ApiError as error:
            metrics.failed(controller.name)
            _log.warning("%s %s: %s", controller.name, key, error)
            queue.add_rate_limited(key)
        except Exception:
            metrics.failed(controller.name)
            _log.exception("%s %s failed, will be tried again", controller.name, key)
            queue.add_rate_limited(key)
        else:
            queue.forget(key)
        finally:
            queue.done(key)
            metrics.worked(controller.name, loop.time() - begun_at)


async def run_controllers(
    context: Context, controllers: Sequence[Controller], measures: Measures | None = None
) -> None:
    """Until cancelled. Nothing is reconciled before everything has been seen once."""
    metrics = QueueMetrics(measures or Measures(), controllers)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(context.recorder.run())
        tasks.create_task(context.confirm())
        informers = context.informers()
        for informer in informers:
            tasks.create_task(informer.run())
        for informer in informers:
            await informer.wait_synced()
        for controller in controllers:
            for _ in range(context.options.workers):
                tasks.create_task(work(controller, metrics))
            if isinstance(controller, Background):
                tasks.create_task(controller.run())


async def run(
    client: Client,
    options: ControllerOptions,
    *,
    wall_clock: Callable[[], float] = time.time,
    rng: Random | None = None,
    measures: Measures | None = None,
) -> None:
    """All of CONTROLLERS until cancelled; `measures` is where they count."""
    from kube.controllers.registry import CONTROLLERS

    context = Context(client, options, wall_clock=wall_clock, rng=rng or Random())
    await run_controllers(context, [make(context) for make in CONTROLLERS], measures)
