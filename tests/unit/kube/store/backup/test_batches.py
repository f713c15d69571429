from hypothesis import given
from hypothesis import strategies as st

from kube.store import Row
from kube.store.backup.batches import MAX_BYTES, MAX_OPS, batches


@given(st.lists(st.integers(0, MAX_BYTES + 10), max_size=30), st.integers(0, 250))
def test_every_row_is_written_once_in_order_and_no_batch_is_too_large(sizes: list[int], small: int) -> None:
    rows = [Row(str(n), bytes(size), 1, 1) for n, size in enumerate([*sizes, *[1] * small])]
    found = list(batches(rows))
    assert [(put.key, put.value, put.expect) for batch in found for put in batch] == [
        (row.key, row.value, 0) for row in rows
    ]
    for batch in found:
        assert 0 < len(batch) <= MAX_OPS
        assert len(batch) == 1 or sum(len(put.value) for put in batch) <= MAX_BYTES
