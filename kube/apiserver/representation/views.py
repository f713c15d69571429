"""How objects are shown: as they are, in another version, as table rows, as their metadata alone.

Each representation renders a single object, the rows of a list, a watch event and a bookmark.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds import Kind, table
from kube.apiserver.representation import conversion
from kube.apiserver.requests.request import Object, Query
from kube.store.entries import Entry
from kube.store.watchers import View

_ENCODER = msgspec.json.Encoder()
_PARTIAL = b'{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":'
_INITIAL_END = b',"annotations":{"k8s.io/initial-events-end":"true"}'


class ListMeta(NamedTuple):
    """The list's own metadata; `remaining` None when it is not known."""

    revision: int
    token: str = ""
    remaining: int | None = None

    def encode(self) -> bytes:
        meta: Object = {"resourceVersion": str(self.revision)}
        if self.token:
            meta["continue"] = self.token
        if self.remaining is not None:
            meta["remainingItemCount"] = self.remaining
        return _ENCODER.encode(meta)


class Shown(Protocol):
    """A representation, see the module."""

    @property
    def name(self) -> str: ...

    def object(self, view: View) -> bytes: ...

    def rows(self, entries: Iterable[Entry]) -> list[bytes]: ...

    def list(self, rows: Sequence[bytes], meta: ListMeta) -> bytes: ...

    def line(self, kind: str, view: View) -> bytes: ...

    def bookmark(self, revision: int, *, initial_end: bool) -> bytes: ...


def event_line(kind: str, body: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (kind.encode(), body)


class AsStored:
    """The stored bytes."""

    def __init__(self, kind: Kind) -> None:
        self.name = "json"
        self._head = b'{"kind":"%b","apiVersion":"%b","metadata":' % (
            kind.list_kind.encode(),
            kind.api_version.encode(),
        )
        self._bookmark = b'{"kind":"%b","apiVersion":"%b","metadata":{"resourceVersion":"' % (
            kind.kind.encode(),
            kind.api_version.encode(),
        )

    def object(self, view: View) -> bytes:
        return view.entry.body

    def rows(self, entries: Iterable[Entry]) -> list[bytes]:
        return [entry.body for entry in entries]

    def list(self, rows: Sequence[bytes], meta: ListMeta) -> bytes:
        return b'%b%b,"items":[%b]}' % (self._head, meta.encode(), b",".join(rows))

    def line(self, kind: str, view: View) -> bytes:
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), view.entry.body)

    def bookmark(self, revision: int, *, initial_end: bool) -> bytes:
        annotations = _INITIAL_END if initial_end else b""
        return event_line("BOOKMARK", b'%b%d"%b}}' % (self._bookmark, revision, annotations))


class AsVersion(AsStored):
    """Converted from the version they are stored in."""

    def __init__(self, kind: Kind) -> None:
        super().__init__(kind)
        self._kind = kind
        self.name = kind.api_version

    def object(self, view: View) -> bytes:
        return _ENCODER.encode(conversion.to_served(self._kind, view.entry.decode()))

    def rows(self, entries: Iterable[Entry]) -> list[bytes]:
        return [self.object(View(entry)) for entry in entries]

    def line(self, kind: str, view: View) -> bytes:
        return event_line(kind, self.object(view))


class AsCustom(AsVersion):
    """Custom resources: the stored bytes where those are in the version, and written by its present schema."""

    def object(self, view: View) -> bytes:
        custom, entry = self._kind.custom, view.entry
        assert custom is not None
        if custom.is_current(entry.body, entry.revision):
            return entry.body
        return super().object(view)


class _Metadata(msgspec.Struct, frozen=True):
    metadata: msgspec.Raw


_METADATA = msgspec.json.Decoder(_Metadata)


def _partial(entry: Entry) -> bytes:
    return b"%b%b}" % (_PARTIAL, bytes(_METADATA.decode(entry.body).metadata))


class AsMetadata:
    """metav1.PartialObjectMetadata."""

    name = "metadata"

    def object(self, view: View) -> bytes:
        return _partial(view.entry)

    def rows(self, entries: Iterable[Entry]) -> list[bytes]:
        return [_partial(entry) for entry in entries]

    def list(self, rows: Sequence[bytes], meta: ListMeta) -> bytes:
        head = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":'
        return b'%b%b,"items":[%b]}' % (head, meta.encode(), b",".join(rows))

    def line(self, kind: str, view: View) -> bytes:
        return event_line(kind, _partial(view.entry))

    def bookmark(self, revision: int, *, initial_end: bool) -> bytes:
        annotations = _INITIAL_END if initial_end else b""
        return event_line("BOOKMARK", b'%b{"resourceVersion":"%d"%b}}' % (_PARTIAL, revision, annotations))


class AsTable:
    """metav1.Table: kubectl's columns. `include` is None, Metadata or Object; `now` is unix seconds for the ages."""

    def __init__(self, kind: Kind, include: str, version: str, now: float) -> None:
        self._kind = kind
        self._include = include
        self._now = now
        self._version = version
        self.name = f"table/{version}/{include}/{kind.api_version}"
        self._columns = _ENCODER.encode(table.columns(kind))

    def _row(self, view: View) -> bytes:
        cells = _ENCODER.encode(table.row(self._kind, self._shown_object(view), self._now))
        match self._include:
            case "None":
                return b'{"cells":%b,"object":null}' % cells
            case "Object":
                return b'{"cells":%b,"object":%b}' % (cells, plain(self._kind).object(view))
            case _:
                return b'{"cells":%b,"object":%b}' % (cells, _partial(view.entry))

    def _shown_object(self, view: View) -> Object:
        """Rows of built-in kinds are made of the stored version."""
        custom = self._kind.custom
        if custom is None or custom.is_current(view.entry.body, view.entry.revision):
            return view.object
        return custom.to_served(view.entry.decode())

    def _table(self, meta: bytes, rows: bytes) -> bytes:
        return (
            b'{"kind":"Table","apiVersion":"meta.k8s.io/%b","metadata":%b,"columnDefinitions":%b,"rows":[%b]}'
            % (
                self._version.encode(),
                meta,
                self._columns,
                rows,
            )
        )

    def object(self, view: View) -> bytes:
        return self._table(b'{"resourceVersion":"%d"}' % view.entry.revision, self._row(view))

    def rows(self, entries: Iterable[Entry]) -> list[bytes]:
        return [self._row(View(entry)) for entry in entries]

    def list(self, rows: Sequence[bytes], meta: ListMeta) -> bytes:
        return self._table(meta.encode(), b",".join(rows))

    def line(self, kind: str, view: View) -> bytes:
        return event_line(kind, self.object(view))

    def bookmark(self, revision: int, *, initial_end: bool) -> bytes:
        annotations = _INITIAL_END if initial_end else b""
        row = b'{"cells":[],"object":%b{"resourceVersion":"%d"%b}}}' % (_PARTIAL, revision, annotations)
        return event_line("BOOKMARK", self._table(b'{"resourceVersion":"%d"}' % revision, row))


_META_VERSIONS = ("v1", "v1beta1")
_ACCEPTED = (
    "application/json",
    "application/json;as=Table;v=v1;g=meta.k8s.io",
    "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io",
)


def _clauses(accept: str) -> Iterable[tuple[str, dict[str, str]]]:
    for clause in accept.split(","):
        media, *parameters = clause.split(";")
        pairs = (parameter.partition("=") for parameter in parameters)
        yield media.strip().lower(), {name.strip(): value.strip() for name, _, value in pairs}


def negotiate(kind: Kind, accept: str, query: Query, now: float) -> Shown:
    """The first of the client's wishes that can be met; StatusError 406 when none can."""
    if not accept or accept in ("application/json", "*/*"):
        return plain(kind)
    for media, parameters in _clauses(accept):
        if media not in ("application/json", "application/*", "*/*"):
            continue
        form, group, version = (parameters.get(name, "") for name in ("as", "g", "v"))
        if not form:
            return plain(kind)
        if group != "meta.k8s.io" or version not in _META_VERSIONS or "get" not in kind.verbs:
            continue  # what cannot be read has no rows either
        if form == "Table":
            include = query.get("includeObject") or "Metadata"
            if include not in ("None", "Metadata", "Object"):
                raise status.bad_request(f'unrecognized includeObject value: "{include}"')
            return AsTable(kind, include, version, now)
        if form in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            return AsMetadata()
    raise status.not_acceptable(_ACCEPTED)


def plain(kind: Kind) -> Shown:
    if kind.custom is not None:
        return AsCustom(kind)
    return AsVersion(kind) if kind.stored_as else _AS_STORED.setdefault(kind.gvk, AsStored(kind))


_AS_STORED: dict[tuple[str, str, str], AsStored] = {}
