import os

import pytest

from nodeagent.logs.disk import LogFile, tail_offset


@pytest.mark.parametrize("lines", [0, 1, 3, 999, 1000, 1001, 5000])
def test_the_last_lines_are_found_also_across_blocks(tmp_path, lines):
    text = [f"line {n} ".encode() + b"x" * 200 for n in range(1000)]
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(text) + b"\n")
    fd = os.open(path, os.O_RDONLY)
    try:
        offset = tail_offset(fd, lines)
    finally:
        os.close(fd)
    wanted = text[-lines:] if lines else []
    assert path.read_bytes()[offset:].splitlines() == wanted


def test_growth_is_read_line_by_line(tmp_path):
    path = tmp_path / "log"
    path.write_bytes(b"a\nb\nhal")
    file = LogFile(str(path), tail_lines=2)
    try:
        assert file.read() == [b"b"]
        assert file.read() == []
        with path.open("ab") as stream:
            stream.write(b"f\n")
        assert file.more()
        assert file.read() == [b"half"]
    finally:
        file.close()
