"""Port 10250 (to come)."""

import asyncio
from typing import Any


async def serve(agent: Any) -> None:
    await asyncio.Event().wait()
