"""Attachment records on disk: one file each, which is also the lock of that attachment.

<run_dir>/attachments/<plugin>/<network>/<container>:<interface>. In /run, because links, rules and
namespaces do not outlive a boot either. A file that is not whole means: an ADD died, undo it.
"""

from __future__ import annotations

import errno
import os
from fcntl import LOCK_EX, LOCK_NB, flock
from time import CLOCK_BOOTTIME, clock_gettime, time

from cni.attachments import record
from cni.spec import gojson
from cni.spec.errors import CniError, try_again
from cni.wait import poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from cni.attachments.record import Record
    from cni.call import Call

_LOCK_TIMEOUT_S = 30.0
_boot_id: list[str] = []


class Held:
    """The record file of one attachment, locked: no other process works on that attachment meanwhile."""

    def __init__(
        self, folder: str, container_id: str, ifname: str, timeout_s: float = _LOCK_TIMEOUT_S
    ) -> None:
        self._path = f"{folder}/{record.file_key(container_id, ifname)}"
        self._folder = folder
        os.makedirs(folder, mode=0o700, exist_ok=True)
        self._fd = -1
        if not poll(self._try_lock, timeout_s):
            raise try_again(f"another ADD or DEL of {container_id} {ifname} has been running for 30 s")
        self.found = self._read()

    def _try_lock(self) -> bool:
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            flock(fd, LOCK_EX | LOCK_NB)
            # The file may have been removed between our open and our lock: a lock on it excludes nobody.
            current = os.stat(self._path)
        except (BlockingIOError, FileNotFoundError):
            os.close(fd)
            return False
        if not os.path.samestat(current, os.fstat(fd)):
            os.close(fd)
            return False
        self._fd = fd
        return True

    def __enter__(self) -> Held:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if os.fstat(self._fd).st_size == 0:
            self.remove()  # nothing was done, so there is nothing to remember
        os.close(self._fd)

    def _read(self) -> Record | None:
        data = os.pread(self._fd, 1 << 20, 0)
        self.fresh = not data
        if not data:
            return None
        try:
            return record.from_json(gojson.decode(data))
        except CniError:
            return None

    def reread(self) -> Record | None:
        """As it is now, after this process has written to it."""
        return self._read()

    def write(self, value: Record) -> None:
        data = gojson.encode(value._asdict()).encode()
        os.pwrite(self._fd, data, 0)
        os.ftruncate(self._fd, len(data))

    def remove(self) -> None:
        """Forget the attachment, and the network's folder with its last one."""
        try:
            os.unlink(self._path)
            os.rmdir(self._folder)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTEMPTY, errno.EEXIST):
                raise


def folder_of(run_dir: str, plugin: str, network: str) -> str:
    return f"{run_dir}/attachments/{plugin}/{network}"


def hold(call: Call, plugin: str) -> Held:
    """The record of this call's attachment, created empty if there is none."""
    folder = folder_of(call.world.run_dir, plugin, call.conf.name)
    while True:
        try:
            return Held(folder, call.container_id, call.ifname)
        except FileNotFoundError:
            continue  # the folder went with its last record while we were opening ours


def hold_if_idle(run_dir: str, plugin: str, found: Record) -> Held | None:
    """The record, locked; None while another process or thread works on that attachment, or if it has gone."""
    folder = folder_of(run_dir, plugin, found.network)
    try:
        held = Held(folder, found.container_id, found.ifname, timeout_s=0)
    except (CniError, FileNotFoundError):
        return None
    if held.found is None:
        with held:
            return None
    return held


def records(run_dir: str, plugin: str, network: str) -> list[Record]:
    """All whole records of a network, by a plain read: they may change under way."""
    folder = folder_of(run_dir, plugin, network)
    found = []
    for name in names_in(folder):
        try:
            with open(f"{folder}/{name}", "rb") as file:
                value = record.from_json(gojson.decode(file.read() or b"null"))
        except (FileNotFoundError, CniError):
            continue
        if value is not None:
            found.append(value)
    return found


def names_in(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except FileNotFoundError:
        return []


def boot_id() -> str:
    """Read once: a process does not outlive its boot."""
    if not _boot_id:
        fd = os.open("/proc/sys/kernel/random/boot_id", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _boot_id.append(os.read(fd, 64).decode().strip())
        finally:
            os.close(fd)
    return _boot_id[0]


def boot_started_s() -> float:
    """When this boot began, by the clock of files' times."""
    return time() - clock_gettime(CLOCK_BOOTTIME)
