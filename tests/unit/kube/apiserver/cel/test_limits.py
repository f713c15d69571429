"""Hostile expressions end, soon, in a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.cel import Budget, CelError, CompileError, Environment, OutOfBudget, compiled
from kube.apiserver.cel.types import DYN
from kube.apiserver.cel.values import (
    Timestamp,
    double_text,
    equal,
    parse_duration,
    parse_timestamp,
    timestamp_text,
)

ENVIRONMENT = Environment({"self": DYN})


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5000 + "1" + ")" * 5000,
        "-" * 5000 + "1u",
        "[" * 5000,
        "!" * 5000 + "true",
        "1" + "+1" * 20_000,
        "a" * 200_000,
        "'" + "x" * 99_000,
    ],
    ids=["brackets", "signs", "lists", "nots", "sums", "long", "open"],
)
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    with pytest.raises(CompileError):
        compiled(text, ENVIRONMENT)


@pytest.mark.parametrize(
    "text",
    [
        "self.all(a, self.all(b, self.all(c, true)))",
        "self.map(a, self.map(b, string(a) + string(b))).size() > 0",
        "lists.range(1000000).all(x, lists.range(1000000).all(y, true))",
    ],
)
def test_what_costs_too_much_is_given_up(text: str) -> None:
    program = compiled(text, ENVIRONMENT).program
    with pytest.raises(OutOfBudget):
        program.evaluate({"self": list(range(1000))}, Budget(100_000))


def test_a_side_that_decides_does_not_forgive_what_costs_too_much() -> None:
    program = compiled("self.all(x, self.all(y, y < 0 || true)) || true", ENVIRONMENT).program
    with pytest.raises(OutOfBudget):
        program.evaluate({"self": list(range(1000))}, Budget(1000))


TOKENS = st.sampled_from(
    ["self", "a", "1", "2u", "1.5", "'x'", "[", "]", "(", ")", "{", "}", ".", "?", ":", ",", "+", "-", "*", "/", "%",
     "==", "!=", "<", "&&", "||", "!", "in", "all", "map", "has", "size", "true", "null", "type", "b'\\xff'"]
)  # fmt: skip


@given(
    st.lists(TOKENS, max_size=14),
    st.recursive(st.integers() | st.text(max_size=3) | st.none(), st.lists, max_leaves=5),
)
def test_any_row_of_tokens_is_refused_or_has_a_value_or_fails(words: list[str], value: object) -> None:
    try:
        compiled(" ".join(words), ENVIRONMENT).program.evaluate({"self": value}, Budget(10_000))
    except (CompileError, CelError):
        pass


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.binary(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_equality_is_symmetric_and_every_value_equals_itself(one: object, other: object) -> None:
    assert equal(one, one)
    assert equal(one, other) == equal(other, one)


@given(st.integers(-62_135_596_800 * 10**9, 253_402_300_799 * 10**9))
def test_a_timestamp_is_read_as_it_is_written(ns: int) -> None:
    assert parse_timestamp(timestamp_text(Timestamp(ns))) == Timestamp(ns)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_written_so_that_it_is_the_same_number(value: float) -> None:
    assert float(double_text(value)) == value


@given(st.integers(0, 10**6), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(hours: int, minutes: int, milliseconds: int) -> None:
    found = parse_duration(f"{hours}h{minutes}m{milliseconds}ms")
    assert found.ns == (hours * 3600 + minutes * 60) * 10**9 + milliseconds * 10**6
