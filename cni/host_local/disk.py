"""The addresses of one network: database and mirror, one lock, one truth.

Crash safety, step by step. Reserving commits the row, then writes the file: a death between leaves
a row, which the attachment's DEL releases. Releasing removes the file, then commits: a death between
leaves a row without file. Anything that changes the folder without us moves its modification time,
and the next call compares all files with all rows; a row of this boot without file is released.
"""

from __future__ import annotations

from cni.attachments.disk import boot_id, boot_started_s
from cni.call import no_fault
from cni.host_local import choose
from cni.host_local.database.disk import Database, Row, database_path
from cni.host_local.mirror.disk import Mirror
from cni.spec.errors import CniError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from cni.host_local.config import RangeSet
    from cni.spec.addresses import IP

_SCANNED = 1 << 20  # sets larger than this are never searched address by address


class Network:
    """A network's addresses, locked while the object is open."""

    def __init__(
        self,
        data_dir: str,
        network: str,
        fault: Callable[[str], None] = no_fault,
        databases: dict[str, Database] | None = None,
    ) -> None:
        self._fault = fault
        self._databases = databases
        self.mirror = Mirror(data_dir, network)
        try:
            self.db = self._database(data_dir, network)
        except BaseException:
            self.mirror.close()
            raise
        try:
            self.boot_id = boot_id()
            self._catch_up()
        except BaseException:
            self.db.close()
            self.mirror.close()
            raise

    def __enter__(self) -> Network:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.db.rollback()
        if self._databases is None:
            self.db.close()
        else:
            self._databases[self.db.path] = self.db
        self.mirror.close()

    def _database(self, data_dir: str, network: str) -> Database:
        """The one left open by an earlier call of this process, if its file is still that file."""
        path = database_path(data_dir, network)
        kept = None if self._databases is None else self._databases.pop(path, None)
        if kept is not None:
            if kept.is_current():
                return kept
            kept.close()
        return Database(path)

    # --- agreeing with the files and the boot

    def _catch_up(self) -> None:
        facts = self.db.facts()
        if facts.get("boot_id") != self.boot_id:
            self._drop_earlier_boots()
            facts = self.db.facts()
        if facts.get("mirror_mtime_ns") != str(self.mirror.mtime_ns()):
            self._import()

    def _drop_earlier_boots(self) -> None:
        """No namespace survives a boot, so nothing allocated in an earlier one is in use (plugins#252).

        Files that are older than this boot, but of no row: a power loss took the row. At the first use
        there is no row at all, and the clock alone is not reason enough to free what others gave out.
        """
        files = {item.ip: item for item in self.mirror.read_all()} if self.db.fact("boot_id") else {}
        started_s = boot_started_s()
        self.db.begin()
        for row in self.db.rows():
            if row.boot_id == self.boot_id or (not row.boot_id and not files):
                continue
            self.db.release(row)
            item = files.get(row.ip)
            if item is not None and (item.container_id, item.ifname) == (row.container_id, row.ifname):
                self.mirror.remove(row.ip)
        for item in files.values():
            if item.mtime_s < started_s:
                self.mirror.remove(item.ip)
        self.db.set_fact("boot_id", self.boot_id)
        self.db.commit()

    def _import(self) -> None:
        """Make the rows say what the files say."""
        mtime_ns = self.mirror.mtime_ns()
        files = {item.ip: item for item in self.mirror.read_all()}
        rows = {row.ip: row for row in self.db.rows()}
        self.db.begin()
        for ip, row in rows.items():
            if ip not in files:
                self.db.release(row)
        for ip, item in files.items():
            known = rows.get(ip)
            if known is None or (known.container_id, known.ifname) != (item.container_id, item.ifname):
                self.db.insert(Row(ip, item.container_id, item.ifname, allocated_at=item.mtime_s))
        if files.keys() - rows.keys():
            self.db.forget_cursors()
        self._remember_mirror(mtime_ns)
        self.db.commit()

    def _remember_mirror(self, mtime_ns: int | None = None) -> None:
        self.db.set_fact("mirror_mtime_ns", str(self.mirror.mtime_ns() if mtime_ns is None else mtime_ns))

    # --- reserving

    def reserve(self, sets: Sequence[RangeSet], requested: Sequence[IP], owner: Row) -> list[IP]:
        """One address of each set for owner (whose own ip is ignored), all of them or none."""
        while True:
            self.db.begin()
            chosen = self._choose(sets, requested, owner)
            for ip in chosen:
                self.db.insert(owner._replace(ip=ip))
            self.db.commit()
            self._fault("host-local: committed")
            if self._write_files(chosen, owner):
                break
        for place, ip in enumerate(chosen):
            self.mirror.set_last_reserved(place, ip)
        self._remember_mirror()
        return chosen

    def _write_files(self, chosen: list[IP], owner: Row) -> bool:
        """False when a file of somebody else turned up; then rows and files are as before, plus that one."""
        written: list[IP] = []
        taken: IP | None = None
        try:
            for ip in chosen:
                if not self.mirror.create(ip, owner.container_id, owner.ifname):
                    taken = ip
                    break
                written.append(ip)
                self._fault("host-local: mirrored")
        except Exception:
            self._unreserve(chosen, written)
            raise
        if taken is None:
            return True
        self._unreserve(chosen, written)
        self._import()
        return False

    def _unreserve(self, chosen: list[IP], written: list[IP]) -> None:
        for ip in written:
            self.mirror.remove(ip)
        for ip in chosen:
            self.db.forget(ip)

    def _choose(self, sets: Sequence[RangeSet], requested: Sequence[IP], owner: Row) -> list[IP]:
        mine = self.db.owned(owner.container_id, owner.ifname)
        left = list(requested)
        chosen = []
        for place, pool in enumerate(sets):
            for row in mine:
                if pool.holding(row.ip) is not None:
                    raise CniError(
                        f"{row.ip.text} has been allocated to {owner.container_id}, "
                        "duplicate allocation is not allowed"
                    )
            wanted = next((ip for ip in left if pool.holding(ip) is not None), None)
            if wanted is None:
                chosen.append(self._next(place, pool, owner.pod))
            else:
                left.remove(wanted)
                chosen.append(self._exactly(wanted, pool))
        if left:
            listed = " ".join(ip.text for ip in left)
            raise CniError(f"failed to allocate all requested IPs: {listed}")
        return chosen

    def _exactly(self, ip: IP, pool: RangeSet) -> IP:
        if choose.is_gateway(pool, ip):
            raise CniError(f"requested ip {ip.text} is subnet's gateway")
        holder = self.db.owner(ip)
        if holder is not None:
            raise CniError(
                f"requested IP address {ip.text} is not available in range set {pool.text}",
                details=f"held by {holder.container_id} {holder.ifname}".rstrip(),
            )
        return ip

    def _next(self, place: int, pool: RangeSet, pod: str) -> IP:
        again = self.db.released_by(pod, pool)
        if again is not None and not choose.is_gateway(pool, again):
            return again
        cursor = self.db.cursor(place, pool)
        if cursor is None:
            cursor = choose.cursor_after(pool, self.mirror.last_reserved(place))
        ip, after = choose.next_fresh(pool, cursor, self.db.was_used)
        self.db.set_cursor(place, pool, after)
        if ip is None:
            ip = self.db.longest_released(pool) or self._any_free(pool)
        if ip is None:
            raise CniError(f"no IP addresses available in range set: {pool.text}")
        return ip

    def _any_free(self, pool: RangeSet) -> IP | None:
        """The last resort, should the memory of released addresses be incomplete."""
        if self.db.count(pool) >= pool.capacity or choose.span(pool) > _SCANNED:
            return None
        everything = choose.candidates(pool, choose.Cursor(0, choose.span(pool)))
        return next((ip for ip, _ in everything if self.db.owner(ip) is None), None)

    # --- releasing

    def release(self, rows: Sequence[Row]) -> None:
        if not rows:
            return
        for row in rows:
            self.mirror.remove(row.ip)
            self._fault("host-local: unlinked")
        self.db.begin()
        for row in rows:
            self.db.release(row)
        self._remember_mirror()
        self.db.commit()
