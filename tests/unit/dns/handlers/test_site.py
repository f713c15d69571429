from __future__ import annotations

import pytest

from dns.corefile.blocks import Line, no_imports, parse_blocks
from dns.corefile.tokens import CorefileError
from dns.handlers.site import duration_s, listen_address, one_word, whole_number


def line(words: str) -> Line:
    (block,) = parse_blocks(f". {{\n {words}\n}}", file="Corefile", environment={}, importer=no_imports)
    return block.lines[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("5s", 5.0),
        ("1m30s", 90.0),
        ("250ms", 0.25),
        ("1.5h", 5400.0),
        ("2h45m", 9900.0),
        ("10us", 1e-5),
        ("10µs", 1e-5),
        ("7ns", 7e-9),
    ],
)
def test_durations_as_go_writes_them(text: str, seconds: float) -> None:
    assert duration_s(line("x"), text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["5", "s", "5 s", "5x", "5d", "-5s", "", ".s", "1m30"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(CorefileError, match="Corefile:2:2: x"):
        duration_s(line("x"), text)


@pytest.mark.parametrize(
    ("words", "address"),
    [
        ("health", ":8080"),
        ("health :80", ":80"),
        ("health 127.0.0.1:80", "127.0.0.1:80"),
        ("health [::1]:80", "[::1]:80"),
    ],
)
def test_addresses_to_listen_on(words: str, address: str) -> None:
    assert listen_address(line(words), ":8080") == address


@pytest.mark.parametrize(
    "words", ["health 8080", "health localhost", "health :port", "health :70000", "health :1 :2"]
)
def test_what_is_no_address_to_listen_on(words: str) -> None:
    with pytest.raises(CorefileError, match="Corefile:2:2: health"):
        listen_address(line(words), ":8080")


def test_numbers_have_limits() -> None:
    assert whole_number(line("x"), "5", 1, 10) == 5
    for text, said in (("0", r"in the range \[1, 10\]: 0"), ("11", "range"), ("ten", "no whole number")):
        with pytest.raises(CorefileError, match=said):
            whole_number(line("x"), text, 1, 10)
    with pytest.raises(CorefileError, match="at least 3"):
        whole_number(line("x"), "2", 3)


def test_one_word_is_one_word() -> None:
    assert one_word(line("x y")) == "y"
    for words in ("x", "x y z"):
        with pytest.raises(CorefileError, match="takes one argument"):
            one_word(line(words))
