"""`kproxy cleanup`, also while a kproxy runs: then that one is told to remove its rules and to end.

It alone can: a table of nftables belongs to the process that serves, where the kernel has owners, and whatever
somebody else removes is repaired. It listens on an abstract Unix socket, whose name is its network namespace's own.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Callable
from contextlib import suppress

from kproxy.backends.registry import BACKENDS, BackendError
from linux.logging_kv import get_logger

_log = get_logger("kproxy.cleanup")
_NAME = "\0podnet/kproxy/cleanup"
_TIMEOUT_S = 60.0
_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group
_REPLY_BYTES_MAX = 65536


def remove_all_rules() -> list[str]:
    """Of every backend, and kube-proxy's; what failed. The others are done all the same."""
    failed = []
    for entry in BACKENDS:
        try:
            entry.clean()
        except (BackendError, OSError) as error:
            failed.append(f"{entry.name}: {error}")
    return failed


def ask_running() -> list[str] | None:
    """What failed when a running kproxy removed its rules; None: none runs in this network namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_TIMEOUT_S)
        try:
            client.connect(_NAME)
        except OSError:
            return None
        try:
            reply = b"".join(iter(lambda: client.recv(_REPLY_BYTES_MAX), b""))
        except OSError as error:
            return [f"the running kproxy did not answer: {error}"]
    return reply.decode().splitlines()


class CleanupRequests:
    """Of a running kproxy. Whoever connects as its user, or as root, asks for the end."""

    def __init__(self, stop: Callable[[], object]) -> None:
        self._stop = stop
        self._waiting: list[asyncio.StreamWriter] = []
        self._server: asyncio.Server | None = None

    @property
    def is_asked(self) -> bool:
        return bool(self._waiting)

    async def start(self) -> None:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(_NAME)
        except OSError as error:  # a second kproxy here: the first one answers
            listening.close()
            _log.warning("cleanup will not find this process", error=error.strerror)
            return
        listening.setblocking(False)
        self._server = await asyncio.start_unix_server(self._asked, sock=listening)

    async def _asked(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        credentials = writer.get_extra_info("socket").getsockopt(
            socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
        )
        process_id, user, _ = _CREDENTIALS.unpack(credentials)
        if user not in (0, os.geteuid()):
            writer.close()
            return
        _log.info("cleanup was asked for, kproxy removes its rules and ends", by_process=process_id)
        self._waiting.append(writer)
        self._stop()

    async def fulfil(self) -> None:
        """Once the backends are closed: nobody owns or repairs anything any more."""
        failed = await asyncio.to_thread(remove_all_rules)
        for text in failed:
            _log.error("rules could not be removed", error=text)
        for writer in self._waiting:
            with suppress(OSError):
                writer.write("".join(f"{text}\n" for text in failed).encode())
                await writer.drain()

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._waiting:
            writer.close()
        await asyncio.sleep(0)  # the loop closes them in its next round
