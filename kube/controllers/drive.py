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

_log = logging.getLogger(__name__)


async def work(controller: Controller) -> None:
    """One worker: reconcile keys until cancelled; what fails comes again, later each time."""
    queue = controller.queue
    while True:
        key = await queue.get()
        try:
            await controller.reconcile(key)
        except (Conflict, NotFound):  # we looked at old state: the watch brings the new one
            queue.add_rate_limited(key)
        except ApiError as error:
            _log.warning("%s %s: %s", controller.name, key, error)
            queue.add_rate_limited(key)
        except Exception:
            _log.exception("%s %s failed, will be tried again", controller.name, key)
            queue.add_rate_limited(key)
        else:
            queue.forget(key)
        finally:
            queue.done(key)


async def run_controllers(context: Context, controllers: Sequence[Controller]) -> None:
    """Until cancelled. Nothing is reconciled before everything has been seen once."""
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
                tasks.create_task(work(controller))
            if isinstance(controller, Background):
                tasks.create_task(controller.run())


async def run(
    client: Client,
    options: ControllerOptions,
    *,
    wall_clock: Callable[[], float] = time.time,
    rng: Random | None = None,
) -> None:
    """All of CONTROLLERS until cancelled."""
    from kube.controllers.registry import CONTROLLERS

    context = Context(client, options, wall_clock=wall_clock, rng=rng or Random())
    await run_controllers(context, [make(context) for make in CONTROLLERS])
