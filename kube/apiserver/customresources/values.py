"""Values against a structural schema, with the sentences of the reference server's validator (kube-openapi).

An update is held to the schema only where it changes something (validation ratcheting, KEP-4008): what was
stored before a schema was tightened can stay.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.customresources.structural import ABSENT, Schema
from kube.apiserver.status import FieldError

_INT32 = range(-(2**31), 2**31)


def validate(value: Any, schema: Schema, *, path: str = "", old: Any = ABSENT) -> list[FieldError]:
    """What is wrong with the value; `old` is what is stored where the value is to go."""
    errors: list[FieldError] = []
    _check(value, schema, path, old, errors)
    return errors


def same(one: Any, other: Any) -> bool:
    """Equal as JSON values: true is not 1, and 1 is 1.0."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def json_type(value: Any) -> str:
    """The name of a JSON value's type in messages."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case str():
            return "string"
        case int():
            return "integer"
        case float():
            return "number"
        case list():
            return "array"
        case _:
            return "object"


def go_number(value: float) -> str:
    """As Go prints a float64."""
    return str(int(value)) if value == int(value) and abs(value) < 1e21 else repr(value)


def _check(value: Any, schema: Schema, path: str, old: Any, errors: list[FieldError]) -> None:
    if old is not ABSENT and same(value, old):
        return
    if not _check_type(value, schema, path, errors) or value is None:
        _check_enum(value, schema, path, errors)
        return
    _check_alternatives(value, schema, path, errors)
    match value:
        case str():
            _check_text(value, schema, path, errors)
        case bool():
            pass
        case int() | float():
            _check_number(value, schema, path, errors)
        case list():
            _check_list(value, schema, path, old, errors)
        case dict():
            _check_object(value, schema, path, old, errors)
    _check_enum(value, schema, path, errors)


def _check_type(value: Any, schema: Schema, path: str, errors: list[FieldError]) -> bool:
    """False when nothing more is to be said of the value."""
    allowed = ("integer", "string") if schema.int_or_string else (schema.type,) if schema.type else ()
    found = json_type(value)
    if value is None and schema.nullable:
        return True
    fits_type = (
        not allowed
        or found in allowed
        or (found == "integer" and "number" in allowed)
        or (found == "number" and "integer" in allowed and float(value).is_integer())
    )
    if not fits_type:
        wanted = ",".join(allowed)
        errors.append(status.type_invalid(path, found, f'{path} in body must be of type {wanted}: "{found}"'))
    return fits_type


def _check_enum(value: Any, schema: Schema, path: str, errors: list[FieldError]) -> None:
    if schema.enum is None or any(same(value, allowed) for allowed in schema.enum):
        return
    shown = [item if isinstance(item, str) else msgspec.json.encode(item).decode() for item in schema.enum]
    errors.append(status.not_supported(path, value, shown))


def _check_text(value: str, schema: Schema, path: str, errors: list[FieldError]) -> None:
    if schema.max_length is not None and len(value) > schema.max_length:
        errors.append(status.too_long(path, schema.max_length))
    if schema.min_length is not None and len(value) < schema.min_length:
        detail = f"{path} in body should be at least {schema.min_length} chars long"
        errors.append(status.invalid_value(path, value, detail))
    if schema.pattern is not None and not schema.pattern.search(value):
        detail = f"{path} in body should match '{schema.pattern_text}'"
        errors.append(status.invalid_value(path, value, detail))
    if schema.format and not _has_format(value, schema.format):
        detail = f"{path} in body must be of type {schema.format}: {status.quote(value)}"
        errors.append(status.type_invalid(path, value, detail))


def _has_format(value: str, name: str) -> bool:
    from kube.apiserver.kinds.schema.formats import fits  # 6 ms of regular expressions

    return fits(value, name)


def _check_number(value: float, schema: Schema, path: str, errors: list[FieldError]) -> None:
    def wrong(detail: str) -> None:
        errors.append(status.invalid_value(path, value, f"{path} in body should be {detail}"))

    if schema.format == "int32" and value not in _INT32:
        detail = f"{path} in body must be of type {schema.type or 'integer'} with format int32"
        errors.append(status.invalid_value(path, value, detail))
    step = schema.multiple_of
    if step and value / step != int(value / step):
        wrong(f"a multiple of {go_number(step)}")
    low, high = schema.minimum, schema.maximum
    if high is not None and (value >= high if schema.exclusive_maximum else value > high):
        wrong(f"less than {'' if schema.exclusive_maximum else 'or equal to '}{go_number(high)}")
    if low is not None and (value <= low if schema.exclusive_minimum else value < low):
        wrong(f"greater than {'' if schema.exclusive_minimum else 'or equal to '}{go_number(low)}")


def _check_list(value: list[Any], schema: Schema, path: str, old: Any, errors: list[FieldError]) -> None:
    if schema.items is not None:
        for index, (item, before) in enumerate(zip(value, _olds(value, schema, old), strict=True)):
            _check(item, schema.items, f"{path}[{index}]", before, errors)
    count = len(value)
    if schema.min_items is not None and count < schema.min_items:
        detail = f"{path} in body should have at least {schema.min_items} items"
        errors.append(status.invalid_value(path, count, detail))
    if schema.max_items is not None and count > schema.max_items:
        errors.append(status.too_many(path, count, schema.max_items))


def _olds(value: Sequence[Any], schema: Schema, old: Any) -> Iterator[Any]:
    """For each item what it was: only lists with keys tell."""
    if schema.list_type != "map" or not isinstance(old, list):
        yield from (ABSENT for _ in value)
        return
    known = {item_key(item, schema): item for item in old}
    yield from (known.get(item_key(item, schema), ABSENT) for item in value)


def item_key(item: Any, schema: Schema) -> bytes:
    """By what an item of a list of type map is known, comparable."""
    members = schema.items.properties if schema.items is not None else {}
    key = {}
    for name in schema.list_map_keys:
        part = members.get(name)
        default = part.default if part is not None and part.default is not ABSENT else None
        key[name] = item.get(name, default) if isinstance(item, dict) else None
    return msgspec.json.encode(key)


def _check_object(
    value: dict[str, Any], schema: Schema, path: str, old: Any, errors: list[FieldError]
) -> None:
    before = old if isinstance(old, dict) else {}
    inside = path + "." if path else ""
    for name, item in value.items():
        part = schema.properties.get(name) or schema.additional
        if part is not None:
            _check(item, part, inside + name, before.get(name, ABSENT), errors)
    errors.extend(status.required(inside + name) for name in schema.required if name not in value)
    count = len(value)
    if schema.min_properties is not None and count < schema.min_properties:
        detail = f"{path} in body should have at least {schema.min_properties} properties"
        errors.append(status.invalid_value(path, count, detail))
    if schema.max_properties is not None and count > schema.max_properties:
        errors.append(status.too_many(path, count, schema.max_properties))


# --- allOf, anyOf, oneOf, not: the reference server cannot say which field these are about


def _nowhere(detail: str) -> FieldError:
    return status.invalid_value("<nil>", "", detail)


def _fewest(faults: list[list[FieldError]]) -> list[FieldError]:
    """Of the alternative that the value comes nearest to."""
    return min(faults, key=len)


def _check_alternatives(value: Any, schema: Schema, path: str, errors: list[FieldError]) -> None:
    shown = status.quote(path)
    if schema.any_of:
        faults = [validate(value, part, path=path) for part in schema.any_of]
        if all(faults):
            errors.append(_nowhere(f"{shown} must validate at least one schema (anyOf)"))
            errors.extend(_fewest(faults))
    if schema.one_of:
        faults = [validate(value, part, path=path) for part in schema.one_of]
        valid = sum(not fault for fault in faults)
        if valid != 1:
            found = f"Found {valid} valid alternatives" if valid else "Found none valid"
            errors.append(_nowhere(f"{shown} must validate one and only one schema (oneOf). {found}"))
            errors.extend(() if valid else _fewest(faults))
    if schema.all_of:
        faults = [validate(value, part, path=path) for part in schema.all_of]
        if any(faults):
            none = ". None validated" if all(faults) else ""
            errors.append(_nowhere(f"{shown} must validate all the schemas (allOf){none}"))
            errors.extend(fault for part in faults for fault in part)
    if schema.negated is not None and not validate(value, schema.negated, path=path):
        errors.append(_nowhere(f"{shown} must not validate the schema (not)"))
