from nodeagent.logs.cri import Record, Selection, parse_record, render
from nodeagent.pods.times import epoch

LINES = [
    b"2026-01-01T00:00:01.123456789+00:00 stdout F one",
    b"2026-01-01T00:00:02.123456789+00:00 stderr P par",
    b"2026-01-01T00:00:02.223456789+00:00 stderr F tial",
    b"2026-01-01T00:00:03.123456789+00:00 stdout F ",
]
RECORDS = [parse_record(line) for line in LINES]


def text(**chosen):
    return b"".join(render(RECORDS, Selection(**chosen)))


def test_lines_are_put_together_again():
    assert text() == b"one\npartial\n\n"


def test_a_time_stands_once_before_each_line():
    assert text(timestamps=True).splitlines()[1] == b"2026-01-01T00:00:02.123456789+00:00 partial"


def test_lines_before_a_time_and_of_the_other_stream_are_left_out():
    assert text(since_s=epoch("2026-01-01T00:00:02Z")) == b"partial\n\n"
    assert text(stream="Stderr") == b"partial\n"


def test_what_is_no_record_is_skipped():
    assert parse_record(b"garbage") is None
    assert parse_record(b"t stdout F") == Record("t", "stdout", False, b"\n")
