"""`kcore backup` and `kcore restore`: which store, which form of file."""

import asyncio
import tempfile
from pathlib import Path
from typing import TypeAlias

from kube.store.backup import disk
from kube.store.backup.disk import Restored, Summary
from kube.store.contract import StoreError
from kube.store.disk import SqliteStore
from kube.store.etcd.options import EtcdOptions

DATA_FILE = "state.db"  # in --data-dir
Place: TypeAlias = Path | EtcdOptions  # --data-dir, or the --etcd-* flags


async def backup(place: Place, file: Path, *, lines: bool = False) -> Summary:
    """Write all that the API server keeps in `place` to the file; the server may run meanwhile.

    Of a data directory the file is a SQLite copy, unless lines are asked for; of etcd it is JSON lines. Both can
    be restored to either. Certificates and keys are not in it: copy DATA_DIR/pki too. Raises StoreError, OSError.
    """
    if isinstance(place, EtcdOptions):
        from kube.store.etcd.drive import EtcdStore

        store = await EtcdStore.open(place._replace(compaction_period_s=0))
        try:
            return await disk.backup_store(store, file)
        finally:
            await store.close()
    data_file = place / DATA_FILE
    if not lines:
        return await asyncio.to_thread(disk.backup_sqlite, data_file, file)
    with tempfile.TemporaryDirectory(dir=file.absolute().parent) as folder:
        copy = Path(folder) / DATA_FILE
        await asyncio.to_thread(disk.backup_sqlite, data_file, copy)
        return await _to_lines(copy, file)


async def restore(file: Path, place: Place) -> Restored:
    """Put a backup into `place`, which must hold nothing yet; start the API server on it afterwards.

    Raises StoreError when there is something already, or the file is not whole; OSError.
    """
    sqlite = disk.is_sqlite(file)
    if isinstance(place, EtcdOptions):
        return await _restore_to_etcd(file, place, sqlite=sqlite)
    if sqlite:
        return await asyncio.to_thread(disk.restore_sqlite, file, place / DATA_FILE)
    return await disk.restore_lines_into_sqlite(file, place / DATA_FILE)


async def _restore_to_etcd(file: Path, place: EtcdOptions, *, sqlite: bool) -> Restored:
    """Etcd's revision cannot be set: it may be less than the backup's, which `Restored` tells."""
    from kube.store.etcd.drive import EtcdStore

    store = await EtcdStore.open(place._replace(compaction_period_s=0))
    try:
        if not sqlite:
            return await disk.restore_store(store, file)
        with tempfile.TemporaryDirectory() as folder:
            copy, converted = Path(folder) / DATA_FILE, Path(folder) / "lines"
            await asyncio.to_thread(disk.backup_sqlite, file, copy)
            await _to_lines(copy, converted)
            return await disk.restore_store(store, converted)
    except StoreError as error:
        raise StoreError(f"restoring {file} to etcd: {error}") from error
    finally:
        await store.close()


async def _to_lines(data_file: Path, file: Path) -> Summary:
    store = await SqliteStore.open(data_file, fsync="normal")
    try:
        return await disk.backup_store(store, file)
    finally:
        await store.close()
