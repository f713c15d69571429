"""What `kubectl explain` says: of the metadata that every object has, and of the kinds that are asked for most.

The words are our own, one row a field; types without rows are shown without words.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from kube.apiserver.kinds.descriptions import (
    autoscaling,
    containers,
    definitions,
    networking,
    placement,
    pods,
    sets,
    volumes,
    workloads,
)
from kube.apiserver.kinds.rows import KINDS

Object = dict[str, Any]

API_VERSION = "APIVersion defines the group and version of the schema that this object is written in."
KIND = "Kind names the type of this object; together with the version it says where it is served."
OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
_METADATA: Mapping[str, str] = {
    "annotations": "Annotations are free text for tools, by key; nothing selects by them.",
    "creationTimestamp": "CreationTimestamp is a timestamp of when the server stored the object first, in UTC.",
    "deletionGracePeriodSeconds": "Seconds that the object may still take to end; set together with deletionTimestamp.",
    "deletionTimestamp": "When the object will be gone, set by the server when a deletion was asked for.",
    "finalizers": "Who still has work to do before the object may go; it stays until the list is empty.",
    "generateName": "The beginning of a name that the server completes when none is given.",
    "generation": "Counts the changes of what is wished for (the spec).",
    "labels": "Labels are short texts by key, for selecting objects.",
    "managedFields": "Which client set which field, for server-side apply.",
    "name": "Unique among objects of a kind in a namespace; never changes.",
    "namespace": "Where names are unique; empty for kinds that have no namespaces.",
    "ownerReferences": "The objects that this one depends on; with the last of them it is deleted.",
    "resourceVersion": "The state of the object as the server counts it; opaque, to compare for equality and watch from.",
    "selfLink": "No longer filled in.",
    "uid": "Unique in time and space; a new object of the same name has another one.",
}


_ANY_KIND = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": "Name, labels and what else every object has.",
}
TYPES: Mapping[str, Mapping[str, str]] = {
    OBJECT_META: {"": "ObjectMeta is what the server keeps about every object.", **_METADATA},
    **pods.TYPES,
    **containers.TYPES,
    **volumes.TYPES,
    **placement.TYPES,
    **workloads.TYPES,
    **sets.TYPES,
    **autoscaling.TYPES,
    **networking.TYPES,
    **definitions.TYPES,
}


def described(name: str, definition: Object) -> Object:
    """The definition with its descriptions, if there are any; a new one."""
    words = TYPES.get(name, {}) or _of_list(name, definition)
    if "x-kubernetes-group-version-kind" in definition and "metadata" in definition.get("properties", ()):
        words = {**_ANY_KIND, **words}
    if not words:
        return definition
    fields = definition.get("properties", {})
    about = {"description": words[""]} if "" in words else {}
    properties = {
        field: {"description": words[field], **schema} if field in words else schema
        for field, schema in fields.items()
    }
    return {**definition, **about, "properties": properties}


def _of_list(name: str, definition: Object) -> Mapping[str, str]:
    """Of the type in which a kind is listed."""
    if not name.endswith("List") or "items" not in definition.get("properties", ()):
        return {}
    for kind in KINDS:
        if kind.definition == name.removesuffix("List"):
            return {"": f"A list of {kind.plural}.", "items": f"List of {kind.plural}.", **_OF_LISTS}
    return {}


_OF_LISTS = {
    "apiVersion": API_VERSION,
    "kind": KIND,
    "metadata": "The state that was read, and how to go on where the list was cut.",
}


@cache
def material() -> bytes:
    """All words, for hashes under which clients keep documents."""
    return repr((_ANY_KIND, _OF_LISTS, TYPES)).encode()
