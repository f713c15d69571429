"""Go's regular expressions in Python."""

import pytest

from kube.apiserver.kinds.schema.patterns import BadPattern, compiled


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        (r"^[a-z]+$", ["abc"], ["abc\n", "Abc", ""]),
        (r"^\d+$", ["12"], ["١٢"]),  # \d is ASCII
        (r"^[[:alpha:]]{2}[[:digit:]]\z", ["ab1"], ["a11", "ab1\n"]),
        (r"^(?i)abc$", ["ABC"], ["abd"]),
        (r"^\Qa.b\E$", ["a.b"], ["axb"]),
        (r"^\x{41}$", ["A"], ["B"]),
        (r"[^]a]", ["b"], ["a", "]"]),
        (r"^[$]{1}$", ["$"], ["a"]),
        (r"^(?P<year>\d{4})-(\d\d)$", ["2026-11"], ["2026"]),
        (r"b", ["abc"], ["ac"]),
        (r"^[a[b]+$", ["[ab"], ["c"]),
    ],
)
def test_a_pattern_means_what_it_means_in_go(pattern: str, fitting: list[str], other: list[str]) -> None:
    found = compiled(pattern)
    assert [text for text in fitting if not found.search(text)] == []
    assert [text for text in other if found.search(text)] == []


@pytest.mark.parametrize(
    "pattern", ["(", "a(?=b)", "(?<!a)b", r"(a)\1", "[z-a]", "[[:nothing:]]", r"\p{Greek}"]
)
def test_what_go_does_not_take_is_refused(pattern: str) -> None:
    with pytest.raises(BadPattern):
        compiled(pattern)
