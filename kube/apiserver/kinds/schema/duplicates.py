"""Fields that a JSON body gives twice: only the last counts, and strict validation refuses them."""

import json
import re
from collections.abc import Sequence
from typing import Any

Object = dict[str, Any]

_KEY = re.compile(rb'"\s*:')


def duplicate_fields(body: bytes, obj: Object) -> list[str]:
    """Paths of the keys given twice in `body`, whose decoded form is `obj`; [] nearly always.

    Each key ends in a quote and a colon, so a body with no more of these than `obj` has keys has no duplicate
    (escaped quotes within text can only make more of them); else a slow parse decides. Most bodies have no
    space before the colon, and counting a fixed string is the faster by far.
    """
    keys = _count_keys(obj)
    if body.count(b'":') == keys or len(_KEY.findall(body)) == keys:
        return []
    return _slowly(body)


def _count_keys(value: Any) -> int:
    if type(value) is dict:
        count = len(value)
        for item in value.values():
            if type(item) is dict or type(item) is list:
                count += _count_keys(item)
        return count
    count = 0
    for item in value:
        if type(item) is dict or type(item) is list:
            count += _count_keys(item)
    return count


class _Pairs(list[tuple[str, Any]]):
    """A JSON object whose keys are kept as written; a type of its own, to tell it from an array."""


def _slowly(body: bytes) -> list[str]:
    try:
        tree = json.loads(body, object_pairs_hook=_Pairs)
    except ValueError:
        return []
    found: list[str] = []
    _walk(tree, "", found)
    return found


def _walk(value: Any, path: str, found: list[str]) -> None:
    if isinstance(value, _Pairs):
        _walk_pairs(value, path, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]", found)


def _walk_pairs(pairs: Sequence[tuple[str, Any]], path: str, found: list[str]) -> None:
    seen = set()
    for key, item in pairs:
        here = f"{path}.{key}" if path else key
        if key in seen and here not in found:
            found.append(here)
        seen.add(key)
        _walk(item, here, found)
