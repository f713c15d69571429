"""The CNI daemon inside the agent: one lock with `kcni daemon`, so whichever is there serves the executables."""

import asyncio
import os
from typing import TYPE_CHECKING

from linux.logging_kv import get_logger

if TYPE_CHECKING:
    from cni.daemon.run import Service

logger = get_logger("knode.cni")
_AGAIN_S = 10.0  # another daemon may end


class CniDaemon:
    """Until the service is there the executables do their work themselves."""

    def __init__(self, *, again_s: float = _AGAIN_S) -> None:
        self._again_s = again_s
        self._service: Service | None = None

    async def run(self, configured: asyncio.Event) -> None:
        """Until cancelled. The code is loaded when the node is ready, for what nobody needs before."""
        from cni.daemon.places import SOCKET

        if not os.path.exists(SOCKET):  # else executables would wait for who has died and left it
            await configured.wait()
        try:
            await self._start()
            await asyncio.Event().wait()
        finally:
            if self._service is not None:
                self._service.stop()  # finishes the calls that have begun

    async def _start(self) -> None:
        told = ""
        while True:
            why = await asyncio.to_thread(self._try)
            if not why:
                logger.info("CNI daemon serves the executables")
                return
            if why != told:
                logger.info("no CNI daemon of our own", reason=why)
                told = why
            await asyncio.sleep(self._again_s)

    def _try(self) -> str:
        """The reason if it may not be, else ""."""
        from cni.daemon.lock_disk import AlreadyRunning
        from cni.daemon.run import Service

        service = Service("knode")
        try:
            service.start()
        except (AlreadyRunning, OSError) as error:
            return str(error)
        self._service = service
        return ""

    def metrics(self) -> str:
        """Blocks: pools are read from disk."""
        return self._service.metrics() if self._service else ""
