"""Entry of the plugin executables: the name they are called by says which plugin.

Nothing here or below may import typing, re, json, socket, logging, asyncio: see linux/records.py.
"""

from __future__ import annotations

import gc
import os
import sys

from cni import plugins, skel
from cni.call import World

_READ_BYTES = 1 << 16
_databases: dict[str, object] = {}


def main(*, ask_daemon: bool = False) -> None:
    """Never returns: os._exit skips the interpreter's tear-down, 1 ms."""
    gc.disable()
    name = os.path.basename(sys.argv[0])
    plugin = plugins.find(name)
    if plugin is None:
        known = " ".join(row.name for row in plugins.PLUGINS)
        _write_all(2, f"{name}: not a plugin of podnet: install it as one of: {known}\n")
        os._exit(2)
    read_stdin = _read_stdin
    if ask_daemon and os.environ.get("CNI_COMMAND") not in (None, "", "VERSION"):
        from cni.shim import exchange_socket

        stdin = _read_stdin()
        answer = exchange_socket.ask(os.path.abspath(sys.argv[0]), os.environ, stdin)
        if answer is not None:
            _write_all(2, answer.stderr)
            _write_all(1, answer.stdout)
            os._exit(answer.code)
        read_stdin = lambda: stdin  # noqa: E731 - it can be read once only
    try:
        outcome = skel.run(plugin, plugins.load, os.environ, read_stdin, world(os.path.abspath(sys.argv[0])))
    except BaseException as error:  # the caller must get an error object whatever happened
        _trace(error)
        outcome = skel.failed(error)
    _write_all(2, outcome.stderr)
    _write_all(1, outcome.stdout)
    os._exit(outcome.code)


def world(launcher: str) -> World:
    from time import time

    return World(
        now=time,
        token=lambda count: os.urandom(count).hex(),
        stderr=lambda text: _write_all(2, text),
        same_netns=_same_netns,
        launcher=launcher,
        databases=_databases,
    )


def _read_stdin() -> bytes:
    parts = []
    while part := os.read(0, _READ_BYTES):
        parts.append(part)
    return b"".join(parts)


def _write_all(fd: int, text: str) -> None:
    data = text.encode("utf-8", "surrogateescape")
    while data:
        try:
            data = data[os.write(fd, data) :]
        except OSError:
            return  # nobody reads: there is no one left to tell


def _same_netns(path: str) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.stat("/proc/thread-self/ns/net"))
    except OSError:
        return False


def _trace(error: BaseException) -> None:
    import traceback

    _write_all(2, "".join(traceback.format_exception(error)))
