"""What clients learn of the groups that other servers serve; each function adds to a document of our own, in place."""

from collections.abc import Iterable
from typing import Any

from kube.apiserver.aggregation.services import Extension, Extensions

Object = dict[str, Any]


def groups(extensions: Iterable[Extension]) -> dict[str, list[Extension]]:
    found: dict[str, list[Extension]] = {}
    for one in extensions:
        if one.available:
            found.setdefault(one.group, []).append(one)
    return found


def group(name: str, versions: list[Extension]) -> Object:
    """A part of APIGroupList."""
    listed = [{"groupVersion": f"{one.group}/{one.version}", "version": one.version} for one in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def add_groups(document: Object, extensions: Extensions) -> Object:
    """Into APIGroupList."""
    known = {row["name"] for row in document["groups"]}
    found = groups(extensions.all)
    document["groups"] += [group(name, rows) for name, rows in found.items() if name not in known]
    return document


def add_aggregated(document: Object, extensions: Extensions) -> Object:
    """Into APIGroupDiscoveryList."""
    known = {row["metadata"].get("name") for row in document["items"]}
    for name, versions in groups(extensions.all).items():
        if name not in known:
            item: Object = {"metadata": {"name": name, "creationTimestamp": None}}
            item["versions"] = [_version(one, extensions.discovered) for one in versions]
            document["items"].append(item)
    return document


def _version(one: Extension, discovered: dict[tuple[str, str], Object]) -> Object:
    found = discovered.get((one.group, one.version))
    rows = (found or {}).get("resources") or []
    resources: dict[str, Object] = {}
    for row in rows:
        if "/" not in row["name"]:
            resources[row["name"]] = _resource(one, row)
    for row in rows:
        plural, _, name = row["name"].partition("/")
        if name and plural in resources:
            below = resources[plural].setdefault("subresources", [])
            below.append(
                {"subresource": name, "responseKind": _kind(one, row), "verbs": row.get("verbs") or []}
            )
    freshness = "Current" if found is not None else "Stale"
    return {"version": one.version, "resources": list(resources.values()), "freshness": freshness}


def _resource(one: Extension, row: Object) -> Object:
    resource: Object = {
        "resource": row["name"],
        "responseKind": _kind(one, row),
        "scope": "Namespaced" if row.get("namespaced") else "Cluster",
        "singularResource": row.get("singularName") or row["kind"].lower(),
        "verbs": row.get("verbs") or [],
    }
    return resource | {name: row[name] for name in ("shortNames", "categories") if row.get(name)}


def _kind(one: Extension, row: Object) -> Object:
    return {
        "group": row.get("group") or one.group,
        "version": row.get("version") or one.version,
        "kind": row["kind"],
    }
