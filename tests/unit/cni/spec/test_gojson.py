"""JSON read as Go reads it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cni.spec import gojson
from cni.spec.errors import CniError
from cni.spec.gojson import Fields

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 60), 1 << 60) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(VALUES)
def test_what_is_encoded_is_json_and_comes_back(value):
    text = gojson.encode(value)
    assert json.loads(text) == value
    assert gojson.decode(text.encode("utf-8", "surrogatepass") if text.isascii() else text.encode()) == value


@given(st.binary(max_size=60))
def test_any_bytes_decode_or_are_a_decoding_failure(data):
    try:
        gojson.decode(data)
    except CniError as error:
        assert error.code == 6


@pytest.mark.parametrize(
    "text", ["", " ", "{", '{"a"', '{"a":1}}', "{'a':1}", "[1,]", '{"a":NaN}', "[" * 100_000, '{"a":"\n"}']
)
def test_malformed_text_is_a_decoding_failure(text):
    with pytest.raises(CniError) as caught:
        gojson.decode(text.encode())
    assert caught.value.code == 6


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{"mtu":1}', 1),
        ('{"MTU":1}', 1),
        ('{"mtu":1,"MTU":2}', 2),
        ('{"MTU":1,"mtu":2}', 2),
        ('{"mtu":1,"MTU":2,"mtu":3}', 3),
        ('{"mtu":null}', 0),
        ("{}", 0),
        ("null", 0),
    ],
)
def test_keys_match_whatever_their_case_and_the_last_wins(text, wanted):
    assert Fields(gojson.decode(text.encode())).integer("mtu") == wanted


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('{"x":"1500"}', lambda f: f.integer("x")),
        ('{"x":1.0}', lambda f: f.integer("x")),
        ('{"x":true}', lambda f: f.integer("x")),
        ('{"x":99999999999999999999}', lambda f: f.integer("x")),
        ('{"x":-1}', lambda f: f.unsigned("x")),
        ('{"x":"true"}', lambda f: f.boolean("x")),
        ('{"x":1}', lambda f: f.boolean("x")),
        ('{"x":1}', lambda f: f.text("x")),
        ('{"x":{}}', lambda f: f.array("x")),
        ('{"x":[1]}', lambda f: f.texts("x")),
        ('{"x":[]}', lambda f: f.fields("x")),
        ('{"x":["a"]}', lambda f: f.objects("x")),
        ('{"x":[]}', lambda f: f.mapping("x")),
        ('{"x":{"y":5}}', lambda f: f.fields("x").text("y")),
    ],
)
def test_a_wrong_type_is_an_error_that_names_the_key(text, read):
    with pytest.raises(CniError, match="x") as caught:
        read(Fields(gojson.decode(text.encode())))
    assert caught.value.code == 6


def test_map_keys_keep_their_case():
    fields = Fields({"Sysctl": {"net.A": "1", "net.a": "2"}})
    assert fields.mapping("sysctl") == {"net.A": "1", "net.a": "2"}
