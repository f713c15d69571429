"""Who has which port of the host.

<run_dir>/hostports/<host's namespace>/<protocol>-<port>/<host address or any>. The first rule would win
silently; here the second container gets a clear error.
"""

from __future__ import annotations

import os

from cni.attachments.disk import names_in, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cni.attachments.record import Record
    from cni.call import Call
    from cni.portmap.config import Mapping

_ANY = "any"


class PortHeld(Exception):
    """The record of the attachment that has the port."""

    def __init__(self, holder: Record) -> None:
        super().__init__(holder)
        self.holder = holder


def _folder(run_dir: str, item: Mapping) -> str:
    """Ports are the host namespace's, and that may be a test's or a lab's."""
    scope = os.stat("/proc/thread-self/ns/net").st_ino
    return f"{run_dir}/hostports/{scope}/{item.protocol}-{item.host_port}"


def _file(item: Mapping) -> str:
    where = item.host_ip.text if item.host_ip else _ANY
    return f"{where}-{item.bits}" if item.bits else where


def owner_text(call: Call) -> str:
    return f"{call.conf.name}\n{call.container_id}\n{call.ifname}"


def reserve(call: Call, mappings: Iterable[Mapping]) -> None:
    """All, or PortHeld with the holder; what this call made is taken back by `release`."""
    for item in mappings:
        folder = _folder(call.world.run_dir, item)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _write(f"{folder}/{_file(item)}", call)
        for name in names_in(folder):
            if _overlap(name, _file(item)):
                _refuse_if_held(f"{folder}/{name}", call)


def _write(path: str, call: Call) -> None:
    text = owner_text(call).encode()
    while True:
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            _refuse_if_held(path, call)
            if _read(path) == text.decode():
                return
            _unlink(path)
            continue
        try:
            os.write(fd, text)
        finally:
            os.close(fd)
        return


def _overlap(one: str, other: str) -> bool:
    """The wildcard meets every address of its family."""
    if one == other or (one.partition("-")[0] != _ANY and other.partition("-")[0] != _ANY):
        return False
    families = {one.rpartition("-")[2], other.rpartition("-")[2]} & {"32", "128"}
    return len(families) < 2


def _refuse_if_held(path: str, call: Call) -> None:
    """A holder whose record is gone holds nothing."""
    parts = _read(path).split("\n")
    if len(parts) != 3 or "\n".join(parts) == owner_text(call):
        return
    network, container_id, ifname = parts
    for found in records(call.world.run_dir, "portmap", network):
        if (found.container_id, found.ifname) == (container_id, ifname):
            raise PortHeld(found)


def release(call: Call, mappings: Iterable[Mapping]) -> None:
    """Only what is this attachment's."""
    for item in mappings:
        folder = _folder(call.world.run_dir, item)
        path = f"{folder}/{_file(item)}"
        if _read(path) == owner_text(call):
            _unlink(path)
            try:
                os.rmdir(folder)
                os.rmdir(os.path.dirname(folder))
            except OSError:
                continue


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
