"""Informers that run while a context lasts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from kube.watch.informer import Informer


@asynccontextmanager
async def running(*informers: Informer[Any]) -> AsyncIterator[None]:
    """All of them synced inside the context, their connections closed after it."""
    tasks = [asyncio.create_task(informer.run()) for informer in informers]
    try:
        for informer in informers:
            await informer.wait_synced()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
