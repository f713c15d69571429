"""Rows cut into transactions that every store takes."""

from collections.abc import Iterable, Iterator

from kube.store.contract import Put, Row

MAX_OPS = 100  # etcd's --max-txn-ops is 128 unless changed
MAX_BYTES = 500_000  # its --max-request-bytes 1.5 MiB, of which base64 takes a third


def batches(rows: Iterable[Row]) -> Iterator[list[Put]]:
    """Puts of keys that must not exist yet; one that is too large for a batch is one of its own."""
    batch: list[Put] = []
    size = 0
    for row in rows:
        if batch and (len(batch) == MAX_OPS or size + len(row.value) > MAX_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(Put(row.key, row.value, 0))
        size += len(row.value) + len(row.key)
    if batch:
        yield batch
