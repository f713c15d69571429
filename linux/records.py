"""A NamedTuple that does not import typing.

`typing` costs 7 ms of a CNI plugin's 12 ms start and `collections` another 1.4 ms. Type
checkers are shown typing.NamedTuple (see the idiom in any module that uses this), the
interpreter runs this class: same fields, defaults, `_fields`, `_replace`, `_asdict`.
"""

from __future__ import annotations

from _collections import _tuplegetter  # type: ignore[import-not-found]  # what namedtuple itself uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

_tuple_new = tuple.__new__
_Function: Callable[..., Any] = type(lambda: None)

# The constructor of each number of fields, compiled with this module: collections.namedtuple compiles
# each class's own while the program runs, 0.1 ms a class. The names of the fields are put in later.
# fmt: off
_TEMPLATES: tuple[Callable[..., Any], ...] = (
    lambda _cls: _tuple_new(_cls, ()),
    lambda _cls, a1: _tuple_new(_cls, (a1,)),
    lambda _cls, a1, a2: _tuple_new(_cls, (a1, a2)),
    lambda _cls, a1, a2, a3: _tuple_new(_cls, (a1, a2, a3)),
    lambda _cls, a1, a2, a3, a4: _tuple_new(_cls, (a1, a2, a3, a4)),
    lambda _cls, a1, a2, a3, a4, a5: _tuple_new(_cls, (a1, a2, a3, a4, a5)),
    lambda _cls, a1, a2, a3, a4, a5, a6: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23)),
    lambda _cls, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24: _tuple_new(_cls, (a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16, a17, a18, a19, a20, a21, a22, a23, a24)),
)
# fmt: on


class _NamedTupleMeta(type):
    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, object]) -> type:
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        annotations = namespace.get("__annotations__", {})
        assert isinstance(annotations, dict)
        fields = tuple(annotations)
        defaults = tuple(namespace.pop(field) for field in fields if field in namespace)
        code = _TEMPLATES[len(fields)].__code__.replace(co_varnames=("_cls", *fields), co_name="__new__")
        new = _Function(code, globals(), "__new__")
        new.__defaults__ = defaults
        namespace |= {
            "__slots__": (),
            "__new__": new,
            "_fields": fields,
            "_field_defaults": dict(zip(fields[len(fields) - len(defaults) :], defaults, strict=True)),
            "__match_args__": fields,
            "_make": classmethod(_make),
            "_replace": _replace,
            "_asdict": _asdict,
            "__repr__": _repr,
            "__getnewargs__": tuple,
        }
        namespace |= {field: _tuplegetter(place, "") for place, field in enumerate(fields)}
        return type.__new__(type, name, (tuple,), namespace)


def _make(cls: type[tuple[object, ...]], values: Iterable[object]) -> object:
    return _tuple_new(cls, values)


def _replace(self: tuple[object, ...], /, **changes: object) -> object:
    fields: tuple[str, ...] = self._fields  # type: ignore[attr-defined]
    result = _tuple_new(
        type(self), [changes.pop(field, old) for field, old in zip(fields, self, strict=True)]
    )
    if changes:
        msg = f"Got unexpected field names: {list(changes)!r}"
        raise ValueError(msg)
    return result


def _asdict(self: tuple[object, ...]) -> dict[str, object]:
    return dict(zip(self._fields, self, strict=True))  # type: ignore[attr-defined]


def _repr(self: tuple[object, ...]) -> str:
    pairs = ", ".join(f"{field}={value!r}" for field, value in _asdict(self).items())
    return f"{type(self).__name__}({pairs})"


class NamedTuple(metaclass=_NamedTupleMeta):
    """Stand-in for typing.NamedTuple at run time."""
