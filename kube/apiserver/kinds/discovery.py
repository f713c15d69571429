"""The documents by which clients learn what is served: plain and aggregated discovery.

Each takes the kinds to list, so that custom resources can be listed beside the built-in ones.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from kube.apiserver.kinds.kind import Kind, Subresource
from kube.apiserver.kinds.rows import KINDS

Object = dict[str, Any]

AGGREGATED_MEDIA_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


def api_versions(server_address: str = "") -> Object:
    """/api"""
    by_client = [{"clientCIDR": "0.0.0.0/0", "serverAddress": server_address}] if server_address else []
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": by_client}


def api_group_list(kinds: Sequence[Kind] = KINDS) -> Object:
    """/apis"""
    groups = [_group(group, kinds) for group in _groups(kinds) if group]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(group: str, kinds: Sequence[Kind] = KINDS) -> Object | None:
    """/apis/GROUP; None when nothing of the group is served."""
    if group not in _groups(kinds):
        return None
    return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, kinds)}


def resource_list(group: str, version: str, kinds: Sequence[Kind] = KINDS) -> Object | None:
    """/api/v1 and /apis/GROUP/VERSION; None when nothing of it is served."""
    rows = [kind for kind in kinds if (kind.group, kind.version) == (group, version)]
    if not rows:
        return None
    resources = []
    for kind in rows:
        resources.append(_resource(kind))
        resources.extend(_subresource(kind, row) for row in kind.subresource_rows)
    resources.sort(key=lambda resource: str(resource["name"]))
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": f"{group}/{version}" if group else version,
        "resources": resources,
    }


def aggregated_core(kinds: Sequence[Kind] = KINDS) -> Object:
    """/api for clients that accept AGGREGATED_MEDIA_TYPE."""
    return _aggregated([""], kinds)


def aggregated_groups(kinds: Sequence[Kind] = KINDS) -> Object:
    """/apis for clients that accept AGGREGATED_MEDIA_TYPE."""
    return _aggregated([group for group in _groups(kinds) if group], kinds)


def _groups(kinds: Iterable[Kind]) -> list[str]:
    return list(dict.fromkeys(kind.group for kind in kinds))


def _versions(group: str, kinds: Iterable[Kind]) -> list[str]:
    return list(dict.fromkeys(kind.version for kind in kinds if kind.group == group))


def _group(group: str, kinds: Sequence[Kind]) -> Object:
    versions = [
        {"groupVersion": f"{group}/{version}", "version": version} for version in _versions(group, kinds)
    ]
    return {"name": group, "versions": versions, "preferredVersion": versions[0]}


def _resource(kind: Kind) -> Object:
    resource: Object = {
        "name": kind.plural,
        "singularName": kind.singular_name,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        resource["shortNames"] = list(kind.short_names)
    if kind.categories:
        resource["categories"] = list(kind.categories)
    if "watch" in kind.verbs:
        resource["storageVersionHash"] = _storage_version_hash(kind)
    return resource


def _storage_version_hash(kind: Kind) -> str:
    """Names the version that is stored; clients compare it to see whether objects have to be rewritten."""
    if kind.custom is not None:
        stored = kind.custom.stored_api_version
    else:
        row = next((row for row in KINDS if row.key == kind.stored_as and not row.stored_as), kind)
        stored = f"{row.group}/{row.version}"
    digest = hashlib.sha256(f"{stored}/{kind.kind}".encode()).digest()
    return base64.b64encode(digest[:8]).decode()


def _subresource(kind: Kind, row: Subresource) -> Object:
    resource: Object = {
        "name": f"{kind.plural}/{row.name}",
        "singularName": "",
        "namespaced": kind.namespaced,
        "kind": row.kind or kind.kind,
        "verbs": list(row.verbs),
    }
    if row.version:
        resource["group"] = row.group
        resource["version"] = row.version
    return resource


def _aggregated(groups: Iterable[str], kinds: Sequence[Kind]) -> Object:
    items = [
        {
            "metadata": {"name": group, "creationTimestamp": None} if group else {"creationTimestamp": None},
            "versions": [
                {
                    "version": version,
                    "resources": [
                        _aggregated_resource(kind)
                        for kind in sorted(kinds, key=lambda kind: kind.plural)
                        if (kind.group, kind.version) == (group, version)
                    ],
                    "freshness": "Current",
                }
                for version in _versions(group, kinds)
            ],
        }
        for group in groups
    ]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": "apidiscovery.k8s.io/v2",
        "metadata": {},
        "items": items,
    }


def _aggregated_resource(kind: Kind) -> Object:
    resource: Object = {
        "resource": kind.plural,
        "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular_name,
        "verbs": list(kind.verbs),
    }
    if kind.short_names:
        resource["shortNames"] = list(kind.short_names)
    if kind.categories:
        resource["categories"] = list(kind.categories)
    if kind.subresource_rows:
        resource["subresources"] = [
            {
                "subresource": row.name,
                "responseKind": {
                    "group": row.group if row.version else kind.group,
                    "version": row.version or kind.version,
                    "kind": row.kind or kind.kind,
                },
                "verbs": list(row.verbs),
            }
            for row in kind.subresource_rows
        ]
    return resource
