"""Objects of files: YAML or JSON, one or many, lists and folders, as people write them for `kubectl apply`."""

import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import msgspec

from kproxy.configuration.config import ConfigError
from kube.objects import EndpointSlice, Node, Service, ServiceCIDR, decode
from kube.objects.value import Object

KINDS: dict[str, type[Object]] = {
    "Service": Service,
    "EndpointSlice": EndpointSlice,
    "Node": Node,
    "ServiceCIDR": ServiceCIDR,
}
_SUFFIXES = (".yaml", ".yml", ".json")
Document = dict[str, Any]


def objects_of_files(paths: Iterable[str]) -> Iterator[Object]:
    """Those of KINDS, others are left out; `-` is the standard input. Raises ConfigError naming the file."""
    for path in paths:
        for file in _files(path):
            try:
                text = sys.stdin.read() if file == "-" else Path(file).read_text()
                documents = _documents(text)
            except (OSError, ValueError) as error:
                raise ConfigError(f"-f {file}: {' '.join(str(error).split())}") from error
            for document in documents:
                yield from _objects(document, file)


def _files(path: str) -> list[str]:
    place = Path(path)
    if not place.is_dir():
        return [path]
    return [str(found) for found in sorted(place.rglob("*")) if found.suffix in _SUFFIXES]


def _documents(text: str) -> list[Any]:
    """JSON values may follow one another, as `kubectl get -o json` of several calls gives them."""
    import yaml

    try:
        return list(yaml.safe_load_all(text))
    except yaml.YAMLError as error:
        if not text.lstrip().startswith("{"):
            raise ValueError(str(error)) from error
    return list(_json_values(text))


def _json_values(text: str) -> Iterator[Any]:
    decoder, rest = json.JSONDecoder(), text.lstrip()
    while rest:
        value, end = decoder.raw_decode(rest)
        yield value
        rest = rest[end:].lstrip()


def _objects(document: Any, path: str) -> Iterator[Object]:
    if isinstance(document, list):
        for item in document:
            yield from _objects(item, path)
        return
    if not isinstance(document, dict):
        return
    said = str(document.get("kind"))
    if said.endswith("List") and isinstance(document.get("items"), list):
        of = said.removesuffix("List")
        yield from _objects([_of_kind(item, of) for item in document["items"]], path)
        return
    kind = KINDS.get(said)
    if kind is None:
        return
    metadata = document.get("metadata") or {}
    try:
        yield decode(kind, json.dumps(_completed(kind, document), default=str).encode())
    except (msgspec.DecodeError, AttributeError, TypeError) as error:
        raise ConfigError(f"-f {path}: {said} {metadata.get('name')}: {error}") from error


def _of_kind(item: Any, kind: str) -> Any:
    """Items of a ServiceList need not say what they are."""
    return {"kind": kind, **item} if isinstance(item, dict) and kind else item


def _completed(kind: type[Object], document: Document) -> Document:
    """What an API server would have filled in and the proxy relies on."""
    metadata = dict(document.get("metadata") or {})
    if not metadata.get("name"):  # generateName: of several each has a name of its own
        metadata["name"] = f"{metadata.get('generateName') or ''}{crc32(repr(document).encode()):08x}"
    if kind.resource.namespaced:
        metadata["namespace"] = metadata.get("namespace") or "default"
    completed = {**document, "metadata": metadata}
    if kind is Service:
        completed["spec"] = _with_addresses(document.get("spec") or {})
    elif kind is EndpointSlice:
        completed["ports"] = [
            {**port, "name": port.get("name") or ""} for port in document.get("ports") or ()
        ]
    return completed


def _with_addresses(spec: Document) -> Document:
    """The first of clusterIPs is clusterIP, too."""
    first, every = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    if every and not first:
        return {**spec, "clusterIP": every[0]}
    return {**spec, "clusterIPs": [first]} if first and not every else spec
