"""Log lines."""

import io
import json
import logging

import pytest

from linux import logging_kv


@pytest.fixture
def lines():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stream = io.StringIO()

    def start(**options):
        logging_kv.setup("kproxy", **options)
        root.handlers[0].setStream(stream)
        return stream

    yield start
    root.handlers[:] = before
    root.setLevel(level)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (3, "3"),
        (0.01, "0.01"),
        (True, "true"),
        ("plain", "plain"),
        ("two words", '"two words"'),
        ('say "x"', '"say \\"x\\""'),
        ("", '""'),
        ("fd00::1", "fd00::1"),
        ("a=b", '"a=b"'),
    ],
)
def test_values_are_quoted_only_where_needed(value, wanted):
    assert logging_kv.render({"key": value}) == f"key={wanted}"


def test_none_is_left_out():
    assert logging_kv.render({"a": None, "b": 1}) == "b=1"


def test_a_line_has_message_and_values(lines):
    stream = lines()
    logging_kv.get_logger("kproxy.drive").info("synced", services=3, took_s=0.01)
    logging_kv.get_logger("kproxy.drive").debug("not shown")
    (line,) = stream.getvalue().splitlines()
    assert line.endswith("level=info program=kproxy logger=kproxy.drive msg=synced services=3 took_s=0.01")


def test_percent_signs_are_no_format(lines):
    stream = lines()
    logging_kv.get_logger("a").warning("100 % done", note="%s")
    assert '100 % done" note=%s' in stream.getvalue()


def test_json_lines(lines):
    stream = lines(json=True, level="debug")
    try:
        raise ValueError("broken")
    except ValueError:
        logging_kv.get_logger("a").exception("failed", key=("x",))
    record = json.loads(stream.getvalue())
    assert record["msg"] == "failed"
    assert "ValueError: broken" in record["trace"]
