"""Reading and writing the reference plugin's files."""

from __future__ import annotations

import os
from _thread import allocate_lock
from fcntl import LOCK_EX, LOCK_NB, flock

from cni.spec.addresses import IP, parse_ip
from cni.spec.errors import try_again
from cni.wait import poll

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _thread import LockType
    from typing import NamedTuple
else:
    from linux.records import NamedTuple

_turns: dict[str, LockType] = {}
_LAST_RESERVED = "last_reserved_ip."
_LOCK_TIMEOUT_S = (
    30.0  # upstream waits for ever, which has left nodes with thousands of waiters (plugins#561)
)


class Reservation(NamedTuple):
    """The content of an address's file; ifname is "" in files of host-local before 0.8."""

    ip: IP
    container_id: str
    ifname: str
    mtime_s: float


class Mirror:
    """The folder of one network, locked against every other user."""

    def __init__(self, data_dir: str, network: str) -> None:
        self.folder = f"{data_dir}/{network}"
        os.makedirs(self.folder, mode=0o755, exist_ok=True)
        # Threads of the daemon queue up here, in turn; the file's lock keeps other processes out.
        self._turn = _turns.setdefault(self.folder, allocate_lock())
        if not self._turn.acquire(timeout=_LOCK_TIMEOUT_S):
            raise try_again(f"{self.folder} has been in use for {_LOCK_TIMEOUT_S:g} s")
        self._lock = os.open(f"{self.folder}/lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if not poll(self._try_lock, _LOCK_TIMEOUT_S):
            self.close()
            raise try_again(
                f"{self.folder}/lock has been held for {_LOCK_TIMEOUT_S:g} s: find its holder with `fuser {self.folder}/lock`"
            )

    def _try_lock(self) -> bool:
        try:
            flock(self._lock, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self._lock)
        self._turn.release()

    def mtime_ns(self) -> int:
        """Changes whenever a file comes or goes: tells whether anyone else has worked here."""
        return os.stat(self.folder).st_mtime_ns

    def read_all(self) -> list[Reservation]:
        """All reservations. Empty files are what a crash left of one (plugins#498): they go."""
        found = []
        for name in os.listdir(self.folder):
            try:
                ip = parse_ip(name)
            except ValueError:
                continue
            reservation = self._read(ip, f"{self.folder}/{name}")
            if reservation is None or not reservation.container_id:
                self._unlink(f"{self.folder}/{name}")
            else:
                found.append(reservation)
        return found

    def read(self, ip: IP) -> Reservation | None:
        return self._read(ip, self._path(ip))

    def _read(self, ip: IP, path: str) -> Reservation | None:
        try:
            with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
                lines = file.read().strip().split("\r\n")
                mtime_s = os.fstat(file.fileno()).st_mtime
        except FileNotFoundError:
            return None
        return Reservation(ip, lines[0].strip(), lines[1].strip() if len(lines) > 1 else "", mtime_s)

    def _path(self, ip: IP) -> str:
        return f"{self.folder}/{ip.text}"

    def create(self, ip: IP, container_id: str, ifname: str) -> bool:
        """False if there is such a file already. Leaves no empty file behind when the disk is full."""
        path = self._path(ip)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:
            return False
        try:
            os.write(fd, f"{container_id}\r\n{ifname}".encode("utf-8", "surrogateescape"))
        except OSError:
            self._unlink(path)
            raise
        finally:
            os.close(fd)
        return True

    def remove(self, ip: IP) -> None:
        self._unlink(self._path(ip))

    def _unlink(self, path: str) -> None:
        try:
            os.unlink(path)
        except FileNotFoundError:
            return

    def last_reserved(self, place: int) -> IP | None:
        try:
            with open(f"{self.folder}/{_LAST_RESERVED}{place}", encoding="utf-8") as file:
                return parse_ip(file.read().strip())
        except (FileNotFoundError, ValueError):
            return None

    def set_last_reserved(self, place: int, ip: IP) -> None:
        """In place: ext4 writes a file that was emptied to the disk when it is closed, 1 ms and more."""
        path = f"{self.folder}/{_LAST_RESERVED}{place}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            text = ip.text.encode()
            os.write(fd, text)
            if os.fstat(fd).st_size != len(text):
                os.ftruncate(fd, len(text))
        finally:
            os.close(fd)
