"""The node's own logs below one folder, as the kubelet's /logs/ shows them: a listing, or a file's bytes."""

import asyncio
import html
import os
import stat
from collections.abc import AsyncIterator
from urllib.parse import quote

FOLDER = "/var/log"
_CHUNK_BYTES = 1 << 16


def listing(names: list[tuple[str, bool]]) -> str:
    """HTML with a link for each name; folders end with a slash."""
    shown = [f"{name}/" if is_folder else name for name, is_folder in sorted(names)]
    rows = [f'<a href="{quote(name)}">{html.escape(name)}</a>\n' for name in shown]
    return f"<!doctype html>\n<pre>\n{''.join(rows)}</pre>\n"


def open_log(path: str, folder: str = FOLDER) -> str | int:
    """A listing, or a descriptor to read. Raises FileNotFoundError for what is absent, no plain file, or leads out
    of the folder: a log that somebody made a link to a secret is not shown.
    """
    top = os.path.realpath(folder)
    real = os.path.realpath(os.path.join(top, path.lstrip("/")))
    if os.path.commonpath((top, real)) != top:
        raise FileNotFoundError(path)
    descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISREG(mode):
        return descriptor
    os.close(descriptor)
    if not stat.S_ISDIR(mode):
        raise FileNotFoundError(path)
    with os.scandir(real) as entries:
        return listing([(entry.name, entry.is_dir()) for entry in entries])


async def chunks(descriptor: int) -> AsyncIterator[bytes]:
    """To the end that the file has now; closes it."""
    try:
        left = os.fstat(descriptor).st_size
        while left > 0:
            piece = await asyncio.to_thread(os.read, descriptor, min(left, _CHUNK_BYTES))
            if not piece:
                return
            left -= len(piece)
            yield piece
    finally:
        os.close(descriptor)
