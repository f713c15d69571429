"""The query parameters of the verbs, for the OpenAPI documents; requests/options.py reads them."""

from collections.abc import Mapping
from typing import Any, NamedTuple

Object = dict[str, Any]


class Parameter(NamedTuple):
    type: str
    description: str


PARAMETERS: Mapping[str, Parameter] = {
    "allowWatchBookmarks": Parameter(
        "boolean", "Whether a watch may send BOOKMARK events, which carry a resourceVersion and no change."
    ),
    "continue": Parameter("string", "Goes on where an answer that was cut by `limit` ended; its token."),
    "dryRun": Parameter("string", "All: check everything and store nothing."),
    "fieldManager": Parameter(
        "string", "Whose changes these are; the program's name from User-Agent by default."
    ),
    "fieldSelector": Parameter(
        "string", "Restricts the list of returned objects to those with these field values."
    ),
    "fieldValidation": Parameter(
        "string",
        "What unknown and doubled fields bring: Ignore nothing, Warn a warning (default), Strict a refusal.",
    ),
    "force": Parameter("boolean", "Apply takes fields over from other managers instead of refusing."),
    "gracePeriodSeconds": Parameter("integer", "Seconds until the object is gone; 0 is at once."),
    "labelSelector": Parameter("string", "Restricts the list of returned objects to those with such labels."),
    "limit": Parameter(
        "integer", "The most objects in one answer; `continue` of its metadata leads to the next."
    ),
    "propagationPolicy": Parameter(
        "string",
        "What becomes of dependents: Background, Foreground (before the object) or Orphan (they stay).",
    ),
    "resourceVersion": Parameter("string", "The state to read, or behind which a watch begins."),
    "resourceVersionMatch": Parameter("string", "How resourceVersion is meant: NotOlderThan or Exact."),
    "sendInitialEvents": Parameter(
        "boolean",
        "A watch tells first what there is, and ends that with a bookmark; needs resourceVersionMatch.",
    ),
    "timeoutSeconds": Parameter("integer", "Ends a list or watch after this time."),
    "watch": Parameter(
        "boolean", "Watch for changes to the described resources: a stream of events in place of a list."
    ),
}

SELECTING = ("fieldSelector", "labelSelector")
WRITING = ("dryRun", "fieldManager", "fieldValidation")
ENDING = ("dryRun", "gracePeriodSeconds", "propagationPolicy")
LISTING = (
    *SELECTING,
    "allowWatchBookmarks",
    "continue",
    "limit",
    "resourceVersion",
    "resourceVersionMatch",
    "sendInitialEvents",
    "timeoutSeconds",
    "watch",
)
OF_VERBS: Mapping[str, tuple[str, ...]] = {
    "list": LISTING,
    "create": WRITING,
    "update": WRITING,
    "patch": (*WRITING, "force"),
    "delete": ENDING,
    "deletecollection": (*ENDING, *SELECTING),
}
