"""What `kubectl explain` says of the metadata that every object has; the other types are shown without words."""

from collections.abc import Mapping
from typing import Any

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


def described(name: str, definition: Object) -> Object:
    """The definition with its descriptions, if there are any."""
    if name != OBJECT_META:
        return definition
    fields = definition["properties"]
    return {
        **definition,
        "description": "ObjectMeta is what the server keeps about every object.",
        "properties": {
            field: {"description": _METADATA[field], **schema} if field in _METADATA else schema
            for field, schema in fields.items()
        },
    }
