"""Power fails at every write of the store's log: after the next boot all is free, and nothing is given out twice.

SQLite's log (https://www.sqlite.org/fileformat2.html, section 4): a header of 32 bytes, then frames of a
24-byte header and a page. What was not synced may be there up to any byte, the files beside it or not.
"""

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import pytest

from cni.attachments import disk
from cni.host_local import apply
from cni.host_local.database.disk import database_path
from cni.host_local.disk import Network

IPAM = {"ranges": [[{"subnet": "10.1.2.0/29"}]]}  # 5 addresses
_HEADER_BYTES, _FRAME_BYTES = 32, 24 + 4096
EARLIER = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def tmp_path(tmp_path):
    """In memory where possible: closing a database syncs it, hundreds of times here."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


@pytest.fixture
def worked(call, tmp_path, monkeypatch):
    """A store that has seen ADDs and DELs in an earlier boot, not closed; the sizes its log had on the way."""
    databases = {}
    sizes = [0]
    data_dir = str(tmp_path / "networks")

    def do(verb, container):
        made = call(IPAM, container=container)
        verb(made._replace(world=made.world._replace(databases=databases)))
        sizes.append(os.path.getsize(database_path(data_dir, "n1") + "-wal"))

    with monkeypatch.context() as earlier:
        earlier.setattr(disk, "_boot_id", [EARLIER])
        for container in ("a", "b", "c"):
            do(apply.add, container)
        do(apply.delete, "b")
        do(apply.add, "d")
    (database,) = databases.values()
    yield tmp_path / "networks", sizes
    database.close()


def cuts(size):
    """Each frame's end, and within its header and its page."""
    frames = range(_HEADER_BYTES, size + 1, _FRAME_BYTES)
    return sorted({0, 10, *frames, *(min(frame + extra, size) for frame in frames for extra in (12, 2000))})


def lose_power(source, target, *, wal_bytes, files):
    """A copy as the disk has it after the boot: the log cut, the mirror's files there, gone or empty; all old."""
    shutil.copytree(source, target)
    wal = target / ".podnet" / "n1.sqlite-wal"
    os.truncate(wal, wal_bytes)
    (target / ".podnet" / "n1.sqlite-shm").unlink(missing_ok=True)
    for file in (target / "n1").iterdir():
        if file.name[0].isdigit():
            if files == "gone":
                file.unlink()
                continue
            if files == "empty":
                file.write_bytes(b"")
            os.utime(file, (1_000_000, 1_000_000))
    os.utime(target / "n1", (1_000_000, 1_000_000))


@pytest.mark.parametrize("files", ["there", "gone", "empty"])
def test_after_a_power_loss_everything_is_free(call, tmp_path, worked, files):
    source, sizes = worked
    tried = 0
    for wal_bytes in cuts(sizes[-1]):
        target = tmp_path / f"{files}-{wal_bytes}"
        lose_power(source, target, wal_bytes=wal_bytes, files=files)
        ipam = {**IPAM, "dataDir": str(target)}
        knew_a_boot = fact(target, "boot_id") != ""
        if files == "there" and not knew_a_boot:
            continue  # the whole database is lost: like a first start, what files say is respected
        given = [apply.add(call(ipam, container=f"new{n}")).ips[0].address for n in range(5)]
        assert sorted(given) == [f"10.1.2.{n}/29" for n in range(2, 7)], wal_bytes
        with Network(str(target), "n1") as network:
            assert {row.boot_id for row in network.db.rows()} == {disk.boot_id()}
        tried += 1
    assert tried > 20


def fact(target, name):
    """Of the cut database as it stands, by a copy: opening it would mend it."""
    copy = target.with_name(target.name + "-look")
    shutil.copytree(target / ".podnet", copy)
    database = sqlite3.connect(copy / "n1.sqlite")
    try:
        found = database.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
    except sqlite3.DatabaseError:
        found = None
    finally:
        database.close()
    return found[0] if found else ""


def test_without_a_new_boot_the_files_are_the_truth_whatever_of_the_log_is_lost(
    call, tmp_path, worked, monkeypatch
):
    monkeypatch.setattr(disk, "_boot_id", [EARLIER])
    source, sizes = worked
    for wal_bytes in cuts(sizes[-1]):
        target = tmp_path / f"same-boot-{wal_bytes}"
        shutil.copytree(source, target)
        os.truncate(target / ".podnet" / "n1.sqlite-wal", wal_bytes)
        (target / ".podnet" / "n1.sqlite-shm").unlink(missing_ok=True)
        held = {f.name for f in (target / "n1").iterdir() if f.name[0].isdigit()}
        given = apply.add(call({**IPAM, "dataDir": str(target)}, container="new")).ips[0].address
        assert given.partition("/")[0] not in held, wal_bytes
