"""JSON values as Go prints them, in messages that speak of them."""

from typing import Any


def printed(value: Any) -> str:
    """Go's %v: `map[a:1 b:[x y]]`, members in order of their names."""
    match value:
        case None:
            return "<nil>"
        case True | False:
            return "true" if value else "false"
        case dict():
            return f"map[{' '.join(f'{name}:{printed(value[name])}' for name in sorted(value))}]"
        case list():
            return f"[{' '.join(map(printed, value))}]"
        case _:
            return str(value)


def kind_of(value: Any) -> str:
    """What Go's reflection calls the type of a decoded JSON value."""
    match value:
        case bool():
            return "bool"
        case int():
            return "int64"
        case float():
            return "float64"
        case str():
            return "string"
        case list():
            return "slice"
        case _:
            return "map"


def misfit(value: Any, go_type: str) -> str:
    """Why a value of a patch does not become a field of that type, in the words of Go's converter of maps."""
    found = kind_of(value)
    if go_type.startswith("map["):
        return f"cannot restore map from {found}"
    if go_type.startswith("[]"):
        return f"cannot restore slice from {found}"
    if "." in go_type:
        return f"cannot restore struct from: {found}"
    numbers = ("int32", "int64", "float64")
    if found in ("int64", "float64") and (go_type in numbers or (found == "int64" and go_type == "string")):
        return f"cannot convert {found} to {go_type}"
    return f"unrecognized type: {go_type}"
