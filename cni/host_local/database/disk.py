"""Reading and writing the database. The caller holds the network's lock, so nobody else is in here.

WAL without syncing each commit: a power loss may take the last commits, never the consistency, and
whatever was allocated before it belongs to namespaces that are gone with the boot.
"""

from __future__ import annotations

import os

from cni.host_local.choose import Cursor
from cni.host_local.database import schema
from cni.host_local.database.sqlite_disk import DatabaseError, connect
from cni.spec.addresses import IP, from_packed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sqlite3 import Connection
    from typing import Any, NamedTuple

    from cni.host_local.config import RangeSet
else:
    from linux.records import NamedTuple

_REMEMBERED = 200_000  # released addresses; IPv6 pools never run out, so they would grow for ever
_OWNER = "container_id = ? AND ifname IN (?, '')"


class Row(NamedTuple):
    """One address in use; boot_id is "" where it came from the reference plugin's files."""

    ip: IP
    container_id: str
    ifname: str
    pod: str = ""
    netns: str = ""
    netns_inode: int = 0
    boot_id: str = ""
    allocated_at: float = 0.0


_COLUMNS = "ip, container_id, ifname, pod, netns, netns_inode, boot_id, allocated_at"


def _row(values: tuple[Any, ...]) -> Row:
    return Row(from_packed(values[0]), *values[1:])


def database_path(data_dir: str, network: str) -> str:
    return f"{data_dir}/.podnet/{network}.sqlite"


class Database:
    """All statements run in the transaction of `begin` and `commit`."""

    def __init__(self, path: str) -> None:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        self.path = path
        try:
            self._open()
        except DatabaseError:
            # Not ours to repair: the mirror has all that is in use, the caller imports it again.
            self._db.close()
            self._set_aside()
            self._open()

    def _open(self) -> None:
        # Used by one thread after the other, under the network's lock.
        self._db: Connection = connect(self.path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute("PRAGMA wal_autocheckpoint=200")
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version > schema.VERSION:
            raise DatabaseError(f"{self.path} is of a newer podnet (schema {version})")
        if version < schema.VERSION:
            self._db.executescript(f"BEGIN; {schema.TABLES} PRAGMA user_version={schema.VERSION}; COMMIT;")

        self._inode = os.stat(self.path).st_ino

    def is_current(self) -> bool:
        """False once somebody has removed the file, and with it what it said."""
        try:
            return os.stat(self.path).st_ino == self._inode
        except FileNotFoundError:
            return False

    def _set_aside(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            if os.path.exists(self.path + suffix):
                os.replace(self.path + suffix, f"{self.path}.damaged{suffix}")

    def close(self) -> None:
        self._db.close()

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    # --- facts

    def fact(self, name: str) -> str:
        found = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return found[0] if found else ""

    def facts(self) -> dict[str, str]:
        """All of them, by name."""
        return dict(self._db.execute("SELECT name, value FROM fact"))

    def set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))

    # --- addresses in use

    def insert(self, row: Row) -> None:
        """Replaces what the address was before: another owner's, or released."""
        key = row.ip.mapped
        self._db.execute(
            f"INSERT OR REPLACE INTO address ({_COLUMNS}, bits) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - column names
            (key, *row[1:], row.ip.bits),
        )
        self._db.execute("DELETE FROM released WHERE ip = ?", (key,))

    def release(self, row: Row) -> None:
        key = row.ip.mapped
        self._db.execute("DELETE FROM address WHERE ip = ?", (key,))
        seq = int(self.fact("seq") or "0") + 1
        self.set_fact("seq", str(seq))
        self._db.execute(
            "INSERT OR REPLACE INTO released VALUES (?, ?, ?, ?)", (key, row.ip.bits, row.pod, seq)
        )
        if seq % 1024 == 0:
            self._db.execute("DELETE FROM released WHERE seq < ?", (seq - _REMEMBERED,))

    def forget(self, ip: IP) -> None:
        """Undo an insert: the address counts as never handed out."""
        self._db.execute("DELETE FROM address WHERE ip = ?", (ip.mapped,))

    def rows(self) -> list[Row]:
        found = self._db.execute(f"SELECT {_COLUMNS} FROM address ORDER BY ip")  # noqa: S608 - column names
        return [_row(values) for values in found]

    def owned(self, container_id: str, ifname: str) -> list[Row]:
        """Rows of an attachment; those of the old file format, without interface, if there are no others."""
        query = f"SELECT {_COLUMNS} FROM address WHERE {_OWNER} ORDER BY ip"  # noqa: S608 - column names
        found = [_row(values) for values in self._db.execute(query, (container_id, ifname))]
        return [row for row in found if row.ifname == ifname] or found

    def owner(self, ip: IP) -> Row | None:
        query = f"SELECT {_COLUMNS} FROM address WHERE ip = ?"  # noqa: S608 - column names
        found = self._db.execute(query, (ip.mapped,)).fetchone()
        return _row(found) if found else None

    def count(self, pool: RangeSet) -> int:
        """Addresses of a set that are in use, gateways excluded."""
        total = 0
        for item in pool.ranges:
            between = (item.first.mapped, item.last.mapped)
            query = "SELECT count(*) FROM address WHERE ip BETWEEN ? AND ? AND ip <> ?"
            total += self._db.execute(query, (*between, item.gateway.mapped)).fetchone()[0]
        return total

    # --- addresses used before

    def was_used(self, ip: IP) -> bool:
        key = ip.mapped
        query = "SELECT 1 FROM address WHERE ip = ? UNION ALL SELECT 1 FROM released WHERE ip = ? LIMIT 1"
        return self._db.execute(query, (key, key)).fetchone() is not None

    def released_by(self, pod: str, pool: RangeSet) -> IP | None:
        """The address the pod of this name had last, if it is free and in the set."""
        if not pod:
            return None
        query = "SELECT ip FROM released WHERE pod = ? AND pod <> '' ORDER BY seq DESC"
        for (key,) in self._db.execute(query, (pod,)):
            ip = from_packed(key)
            if pool.holding(ip) is not None:
                return ip
        return None

    def longest_released(self, pool: RangeSet) -> IP | None:
        for (key,) in self._db.execute("SELECT ip FROM released WHERE bits = ? ORDER BY seq", (pool.bits,)):
            ip = from_packed(key)
            item = pool.holding(ip)
            if item is not None and ip != item.gateway:
                return ip
        return None

    # --- where the search stands

    def cursor(self, place: int, pool: RangeSet) -> Cursor | None:
        """None if there is none yet or the ranges have changed."""
        query = "SELECT position, remaining FROM cursor WHERE place = ? AND ranges = ?"
        found = self._db.execute(query, (place, pool.text)).fetchone()
        return Cursor(int(found[0]), int(found[1])) if found else None

    def set_cursor(self, place: int, pool: RangeSet, cursor: Cursor) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)",
            (place, pool.text, str(cursor.position), str(cursor.remaining)),
        )

    def forget_cursors(self) -> None:
        self._db.execute("DELETE FROM cursor")
