"""Kubernetes' library of named formats: `format.dns1123Label().validate(text)`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kube.apiserver.cel.types import Overload, overload
from kube.apiserver.cel.values import NONE, Opaque, Optional
from kube.apiserver.kinds import names
from kube.apiserver.kinds.schema import formats

_Check = Callable[[str], Sequence[str]]


class Format(Opaque):
    """A name and the check it stands for."""

    type_name = "kubernetes.NamedFormat"

    def __init__(self, name: str, check: _Check) -> None:
        self.name = name
        self.check = check

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Format) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


def _schema_format(name: str) -> _Check:
    return lambda text: () if formats.fits(text, name) else (f"invalid {name}",)


def _prefixed(check: _Check) -> _Check:
    """generateName: what is added to it may not be what breaks it."""
    return lambda text: check(text.removesuffix("-") + "x" if text.endswith("-") else text)


_FORMATS: Mapping[str, _Check] = {
    "dns1123Label": names.label_errors,
    "dns1123Subdomain": names.subdomain_errors,
    "dns1035Label": names.rfc1035_label_errors,
    "qualifiedName": names.label_key_errors,
    "labelValue": names.label_value_errors,
    "dns1123LabelPrefix": _prefixed(names.label_errors),
    "dns1123SubdomainPrefix": _prefixed(names.subdomain_errors),
    "dns1035LabelPrefix": _prefixed(names.rfc1035_label_errors),
    "uri": _schema_format("uri"),
    "uuid": _schema_format("uuid"),
    "byte": _schema_format("byte"),
    "date": _schema_format("date"),
    "datetime": _schema_format("date-time"),
}


def _made(name: str) -> Callable[[], Format]:
    return lambda: Format(name, _FORMATS[name])


def _named(name: str) -> Optional:
    return Optional(Format(name, _FORMATS[name])) if name in _FORMATS else NONE


def _validate(form: Format, text: str) -> Optional:
    faults: list[Any] = list(form.check(text))
    return Optional(faults) if faults else NONE


_F = "kubernetes.NamedFormat"
_ROWS: tuple[Overload, ...] = tuple(overload(f"format.{name}() -> {_F}", _made(name)) for name in _FORMATS)
TABLE = (
    *_ROWS,
    overload(f"format.named(string) -> optional({_F})", _named),
    overload(f"{_F}::validate(string) -> optional(list(string))", _validate),
)
