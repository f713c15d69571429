import pytest
from hypothesis import given
from hypothesis import strategies as st

from kube.apiserver.kinds import quantity
from kube.apiserver.kinds.quantity import Quantity


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", "0"),
        ("0Mi", "0"),
        ("1", "1"),
        ("+1", "1"),
        ("-1", "-1"),
        ("1.", "1"),
        (".5", "500m"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1000", "1k"),
        ("1024", "1024"),
        ("134217728", "134217728"),
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("0.1Ki", "102400m"),
        ("1e3", "1e3"),
        ("1.5e3", "1500"),
        ("12E6", "12e6"),
        ("1E", "1E"),
        ("100000000n", "100m"),
        ("3.3333333333", "3333333334n"),
    ],
)
def test_canonical_form(text: str, expected: str) -> None:
    assert quantity.canonical(text) == expected


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1K", quantity.SUFFIX_ERROR),
        ("1e", quantity.SUFFIX_ERROR),
        ("1mm", quantity.SUFFIX_ERROR),
        ("", quantity.FORMAT_ERROR),
        ("x", quantity.FORMAT_ERROR),
        ("1 Gi", quantity.FORMAT_ERROR),
        (".", quantity.FORMAT_ERROR),
    ],
)
def test_what_is_no_quantity(text: str, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        quantity.parse(text)
    assert str(caught.value) == sentence


@given(st.integers(-(10**18), 10**18), st.sampled_from(["decimal", "exponent"]))
def test_rendering_loses_nothing(nano: int, form: str) -> None:
    kept = quantity.parse(quantity.render(Quantity(nano, form)))  # type: ignore[arg-type]
    assert kept.nano == nano


@given(st.integers(-(2**50), 2**50))
def test_whole_binary_amounts_stay(value: int) -> None:
    assert quantity.parse(quantity.render(Quantity(value * quantity.NANO, "binary"))).value == value


@given(st.from_regex(r"[+-]?[0-9]{1,6}(\.[0-9]{0,4})?(n|u|m||k|M|G|Ki|Mi|Gi|e3|E2)", fullmatch=True))
def test_the_canonical_form_is_final(text: str) -> None:
    once = quantity.canonical(text)
    assert quantity.canonical(once) == once
    assert abs(quantity.parse(once).nano) >= abs(quantity.parse(text).nano)


@given(st.text(max_size=12))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        quantity.parse(text)
    except ValueError as error:
        assert str(error) in (quantity.FORMAT_ERROR, quantity.SUFFIX_ERROR)
