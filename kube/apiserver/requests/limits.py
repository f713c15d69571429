"""How large and how deep a body and a stored object may be: what is deeper than this would fail somewhere later,
in a reader that has less of the stack left, and what is larger would be sent to every watcher.
"""

from collections.abc import Iterator
from typing import Any

from kube.apiserver import status

MAX_BYTES = 3 << 20  # of a request body, and of a stored object
MAX_DEPTH = 256  # objects and lists within each other; schemas of custom resources come to some 60
_SURELY_SHALLOW_YAML_BYTES = (
    8 << 10
)  # one level takes a byte at least, and libyaml's stack is good for 20,000


def check_depth(value: Any, encoded: bytes) -> None:
    """StatusError 400 when `value`, which `encoded` is or was decoded to, is nested too deep."""
    if encoded.count(b"{") + encoded.count(b"[") > MAX_DEPTH and is_deep(value):
        raise too_deep()


def too_deep() -> status.StatusError:
    return status.bad_request(f"the object is nested deeper than {MAX_DEPTH} levels")


def is_deep(value: Any) -> bool:
    """Without recursion."""
    within: list[Iterator[Any]] = [iter((value,))]
    while within:
        for item in within[-1]:
            if isinstance(item, dict):
                within.append(iter(item.values()))
                break
            if isinstance(item, list):
                within.append(iter(item))
                break
        else:
            within.pop()
        if len(within) > MAX_DEPTH + 1:
            return True
    return False


def check_yaml_depth(body: bytes) -> None:
    """Before libyaml composes it, which recurses in C without a bound. StatusError 400; raises yaml.YAMLError."""
    if len(body) <= _SURELY_SHALLOW_YAML_BYTES:
        return
    import yaml

    depth = 0
    for event in yaml.parse(body, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise too_deep()
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def check_stored(value: Any, encoded: bytes) -> None:
    """What patches made of an object may have outgrown what a request may bring. StatusError 400, 413."""
    if len(encoded) > MAX_BYTES:
        raise status.too_large_entity(MAX_BYTES)
    check_depth(value, encoded)
