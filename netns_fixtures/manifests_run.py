"""`klab apply`: manifests to the API by server-side apply, for machines without kubectl."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from kube.client import ApiError, Client, NotFound
from netns_fixtures.topology import LabError

_FIELD_MANAGER = "klab"


def read_manifests(paths: Iterable[str]) -> list[dict[str, Any]]:
    """Every document of the files; a folder gives its .yaml, .yml and .json files in order."""
    import yaml

    found: list[dict[str, Any]] = []
    for path in map(Path, paths):
        files = (
            sorted(p for p in path.iterdir() if p.suffix in (".yaml", ".yml", ".json"))
            if path.is_dir()
            else [path]
        )
        for file in files:
            try:
                documents = list(yaml.safe_load_all(file.read_text()))
            except OSError as error:
                raise LabError(f"{file}: {error.strerror}") from error
            except yaml.YAMLError as error:
                raise LabError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
            found += [_checked(document, file) for document in documents if document is not None]
    return found


def _checked(document: object, file: Path) -> dict[str, Any]:
    if not isinstance(document, dict) or not document.get("kind") or not document.get("apiVersion"):
        raise LabError(f"{file}: each document needs apiVersion and kind")
    return document


async def apply(client: Client, manifests: Iterable[dict[str, Any]], namespace: str) -> list[str]:
    """One `kind/name created|configured|unchanged` line each. Raises LabError naming the object."""
    places: dict[tuple[str, str], tuple[str, bool]] = {}
    lines = []
    for manifest in manifests:
        api_version, kind = manifest["apiVersion"], manifest["kind"]
        if (api_version, kind) not in places:
            places[api_version, kind] = await _place(client, api_version, kind)
        lines.append(await _apply_one(client, manifest, *places[api_version, kind], namespace))
    return lines


async def _place(client: Client, api_version: str, kind: str) -> tuple[str, bool]:
    """The URL's last part and whether it has a namespace, by discovery."""
    try:
        reply = await client.raw("GET", _root(api_version))
    except NotFound as error:
        raise LabError(f"the server does not have {api_version!r}: correct apiVersion") from error
    for resource in msgspec.json.decode(reply.body)["resources"]:
        if resource["kind"] == kind and "/" not in resource["name"]:
            return resource["name"], resource["namespaced"]
    raise LabError(f"the server has no kind {kind!r} in {api_version}: correct kind or apiVersion")


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


async def _apply_one(
    client: Client, manifest: dict[str, Any], plural: str, namespaced: bool, namespace: str
) -> str:
    metadata = manifest.get("metadata") or {}
    name = metadata.get("name")
    title = f"{plural}/{name}"
    if not name:
        raise LabError(f"a {manifest['kind']} has no metadata.name: apply needs one")
    path = _root(manifest["apiVersion"])
    if namespaced:
        path += f"/namespaces/{metadata.get('namespace') or namespace}"
    path += f"/{plural}/{name}"
    try:
        before = msgspec.json.decode((await client.raw("GET", path)).body)
    except NotFound:
        before = None
    try:
        reply = await client.raw(
            "PATCH",
            path,
            query={"fieldManager": _FIELD_MANAGER, "fieldValidation": "Strict", "force": "true"},
            headers={"content-type": "application/apply-patch+yaml"},
            body=msgspec.json.encode(manifest),
        )
    except ApiError as error:
        raise LabError(f"{title}: {error}") from error
    if before is None:
        return f"{title} created"
    after = msgspec.json.decode(reply.body)
    same = before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]
    return f"{title} {'unchanged' if same else 'configured'}"
