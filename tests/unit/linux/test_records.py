"""The light NamedTuple means what typing's does."""

import pickle
import typing

import pytest

from linux.records import NamedTuple


class Light(NamedTuple):
    host: str
    port: int = 80
    tags: tuple = ()

    @property
    def text(self) -> str:
        return f"{self.host}:{self.port}"


class Heavy(typing.NamedTuple):
    host: str
    port: int = 80
    tags: tuple = ()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [(("a",), {}), (("a", 1), {}), ((), {"host": "a", "tags": ("x",)}), (("a",), {"port": 2})],
)
def test_it_builds_what_typing_builds(args, kwargs):
    light, heavy = Light(*args, **kwargs), Heavy(*args, **kwargs)
    assert tuple(light) == tuple(heavy)
    assert light._asdict() == heavy._asdict()
    assert light._fields == heavy._fields
    assert repr(light) == repr(heavy).replace("Heavy", "Light")


def test_methods_fields_and_equality():
    value = Light("a", 1)
    assert value.text == "a:1"
    assert value._replace(port=2) == Light("a", 2) == ("a", 2, ())
    assert Light._make(["b", 3, ()]) == Light("b", 3)
    assert {value: 1}[Light("a", 1)] == 1
    with pytest.raises(AttributeError):
        value.port = 5


@pytest.mark.parametrize("bad", [Light, lambda: Light("a", 1, (), 4), lambda: Light(nope=1)])
def test_wrong_arguments_are_refused(bad):
    with pytest.raises(TypeError):
        bad()


def test_replacing_an_unknown_field_is_refused():
    with pytest.raises(ValueError, match="nope"):
        Light("a")._replace(nope=1)


def test_matching_by_position():
    match Light("a", 7):
        case Light(host, port):
            assert (host, port) == ("a", 7)


def test_a_method_can_be_called_from_a_copy():
    assert pickle.loads(pickle.dumps(("x", tuple(Light("a"))))) == ("x", ("a", 80, ()))
