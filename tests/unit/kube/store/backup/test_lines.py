import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.store import Row, StoreError
from kube.store.backup import lines

POD = Row("/registry/pods/a/b", b'{"kind":"Pod","n":[1,2.50,"\\u00e9"]}', 3, 7)


def backup(rows: list[Row], revision: int = 9) -> list[bytes]:
    writer = lines.Writer()
    return [writer.header(revision), *(writer.row(row) for row in rows), writer.seal()]


@given(
    st.lists(
        st.builds(
            Row,
            st.text(st.characters(codec="utf-8"), max_size=20),
            st.binary(max_size=60) | st.sampled_from([POD.value, b"null", b'"a\\nb"', b"{", b"{}\n"]),
            st.integers(0, 1 << 62),
            st.integers(0, 1 << 62),
        ),
        max_size=5,
    )
)
def test_rows_come_back_to_the_byte(rows: list[Row]) -> None:
    written = backup(rows)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in written)
    assert lines.check(written).revision == 9
    assert list(lines.rows_of(written)) == rows


def test_objects_are_readable_in_the_file() -> None:
    assert backup([POD])[1] == (
        b'{"key":"/registry/pods/a/b","create_revision":3,"revision":7,'
        b'"value":{"kind":"Pod","n":[1,2.50,"\\u00e9"]}}\n'
    )


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_backup_that_breaks_off_is_refused(cut: int) -> None:
    with pytest.raises(StoreError, match=r"its end is missing|not a backup"):
        lines.check(backup([POD, POD])[:-cut])


def test_a_changed_or_missing_line_is_refused() -> None:
    written = backup([POD, POD._replace(key="/registry/x")])
    with pytest.raises(StoreError, match="checksum"):
        lines.check([written[0], written[1].replace(b"2.50", b"2.51"), *written[2:]])
    with pytest.raises(StoreError, match="checksum"):
        lines.check([written[0], *written[2:]])
    with pytest.raises(StoreError, match="line 3 cannot be read"):
        lines.check([*written[:2], b"{\n", written[3]])


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"", "not a backup"),
        (b"kind: Pod\n", "not a backup"),
        (b'{"format":"other","version":1,"revision":1}\n', "but other"),
        (b'{"format":"podnet-backup","version":2,"revision":1}\n', "version 2 of the format"),
    ],
)
def test_what_is_no_backup_of_ours_is_told(header: bytes, why: str) -> None:
    with pytest.raises(StoreError, match=why):
        lines.check([header])
