"""Tells when the node's addresses change, as the kernel tells it."""

import asyncio
from collections.abc import Callable

from kproxy.node_socket import AddressWatch


async def follow_addresses(on_change: Callable[[], None]) -> None:
    """Until cancelled; several changes at once are one call."""
    watch = AddressWatch()
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard() -> None:
        watch.drain()
        changed.set()

    loop.add_reader(watch.fileno(), heard)
    try:
        while True:
            await changed.wait()
            changed.clear()
            on_change()
    finally:
        loop.remove_reader(watch.fileno())
        watch.close()
