"""check(): one pass over a fresh request body, and what to answer to what it found."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import disk
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.schema.compiled import Findings, struct_reader

Object = dict[str, Any]


class SchemaReport(msgspec.Struct, frozen=True):
    """`unknown` and `duplicates` are field paths; `error` is why the body cannot be decoded at all.

    `misfit` is the same in the words for an object that a strategic merge patch made.
    """

    unknown: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    error: str = ""
    misfit: str = ""

    @property
    def sentences(self) -> list[str]:
        """One sentence for each unknown or doubled field."""
        return [
            *(f"unknown field {status.quote(path)}" for path in self.unknown),
            *(f"duplicate field {status.quote(path)}" for path in self.duplicates),
        ]

    def enforce(self, kind: Kind, field_validation: str) -> list[str]:
        """The warnings to send (texts of 299 headers), by the request's fieldValidation: Warn is the default.

        StatusError 400 when the body does not decode, or has unknown or doubled fields under Strict.
        """
        if self.error:
            raise status.bad_request(f"{_cannot(kind)}: {self.error}")
        if field_validation == "Ignore":
            return []
        sentences = self.sentences
        if sentences and field_validation == "Strict":
            raise status.bad_request(f"{_cannot(kind)}: strict decoding error: {', '.join(sentences)}")
        return sentences


CLEAN = SchemaReport()


def _cannot(kind: Kind) -> str:
    return _sentence(kind.kind, kind.version)


def _sentence(name: str, version: str) -> str:
    return f"{name} in version {status.quote(version)} cannot be handled as a {name}"


def read(definition: str, obj: Object) -> None:
    """Reads in place what is no object of its own: options, reviews, subresources. StatusError 400."""
    findings = Findings()
    struct_reader(definition).walk(obj, "", "", findings)
    if findings.error:
        version, _, name = definition.rpartition(".")
        raise status.bad_request(f"{_sentence(name, version.rpartition('.')[2])}: {findings.error}")


def check(kind: Kind, obj: Object, duplicates: Sequence[str] = ()) -> SchemaReport:
    """Reads a fresh body in place as the server's decoder would: nulls and unknown fields go, quantities
    become canonical. `duplicates` come from duplicate_fields(), which needs the raw bytes.
    """
    if kind.custom is not None:
        return kind.custom.check(obj, duplicates)
    if kind.definition not in disk.definitions():
        return CLEAN
    findings = Findings()
    struct_reader(kind.definition).walk(obj, "", "", findings)
    if not findings.unknown and not findings.error and not duplicates:
        return CLEAN
    return SchemaReport(tuple(findings.unknown), tuple(duplicates), findings.error, findings.misfit)
