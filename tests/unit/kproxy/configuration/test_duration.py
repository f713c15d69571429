"""Go's durations."""

import pytest

from kproxy.configuration.duration import format_duration, parse_duration_s


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("30s", 30),
        ("1m30s", 90),
        ("24h", 86400),
        ("500ms", 0.5),
        ("1.5h", 5400),
        ("-1s", -1),
    ],
)
def test_parse(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "1x", "1s2"])
def test_what_is_no_duration_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match="30s"):
        parse_duration_s(text)


@pytest.mark.parametrize("text", ["0s", "30s", "1m0s", "1m30s", "24h0m0s", "500ms", "-1s", "-1h0m0s"])
def test_format_is_what_go_prints(text: str) -> None:
    assert format_duration(parse_duration_s(text)) == text
