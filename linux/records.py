"""A NamedTuple that does not import typing.

`typing` costs 7 ms of a CNI plugin's 12 ms start and `collections` another 1.4 ms. Type
checkers are shown typing.NamedTuple (see the idiom in any module that uses this), the
interpreter runs this class: same fields, defaults, `_fields`, `_replace`, `_asdict`.
"""

from __future__ import annotations

from _collections import _tuplegetter  # type: ignore[import-not-found]  # what namedtuple itself uses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_tuple_new = tuple.__new__


class _NamedTupleMeta(type):
    def __new__(mcs, name: str, bases: tuple[type, ...], namespace: dict[str, object]) -> type:
        if not bases:
            return super().__new__(mcs, name, bases, namespace)
        annotations = namespace.get("__annotations__", {})
        assert isinstance(annotations, dict)
        fields = tuple(annotations)
        defaults = tuple(namespace.pop(field) for field in fields if field in namespace)
        arguments = "".join(f"{field}, " for field in fields)
        # The same construction as collections.namedtuple: a compiled __new__ is 3 times faster than **kwargs.
        new = eval(  # noqa: S307 - the text is made of this class's own field names
            f"lambda _cls, {arguments}: _tuple_new(_cls, ({arguments}))",
            {"_tuple_new": _tuple_new, "__builtins__": {}, "__name__": f"namedtuple_{name}"},
        )
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
