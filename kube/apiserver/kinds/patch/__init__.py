"""The patch types of the API: apply(kind, old, patch_type, patch) gives the patched object.

`old` is never changed and nothing of it is shared with the result. Server-side apply is in managed_fields/,
because it needs the managers of the fields as well.
"""

from typing import Any

import msgspec

from kube.apiserver import status
from kube.apiserver.kinds.go_text import printed
from kube.apiserver.kinds.kind import Kind
from kube.apiserver.kinds.patch import json_patch, strategic
from kube.apiserver.kinds.patch.merge_patch import merge

Object = dict[str, Any]

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

PATCH_TYPES = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)

MAX_OPERATIONS = 10_000  # of one JSON patch, as the server limits them


def apply(kind: Kind, old: Object, patch_type: str, patch: Any, *, strategic_served: bool = True) -> Object:
    """The patched object. StatusError: 400 for a malformed patch, 422 for one that does not fit, 415."""
    fresh = msgspec.json.decode(msgspec.json.encode(old))
    match patch_type:
        case "application/json-patch+json":
            if kind.has_status and kind.custom is None:
                fresh.setdefault(
                    "status", {}
                )  # the server's own kinds have one always: a pointer may lead into it
            result = _json_patched(fresh, patch)
            if isinstance(result, dict) and result.get("status") == {} and "status" not in old:
                del result["status"]
        case "application/merge-patch+json":
            if not isinstance(patch, dict):
                raise status.bad_request("Invalid JSON Patch")
            result = merge(fresh, patch)
        case "application/strategic-merge-patch+json" if strategic_served:
            if not isinstance(patch, dict):
                raise status.bad_request(
                    "json: cannot unmarshal array into Go value of type map[string]interface {}"
                )
            try:
                result = strategic.merge(fresh, patch, strategic.schema_of(kind.definition))
            except strategic.BadPatch as error:
                raise status.bad_request(str(error)) from error
            except strategic.UnlikeElements as error:
                raise status.StatusError(500, "", str(error)) from error
        case _:
            raise status.unsupported_media_type(PATCH_TYPES if strategic_served else _WITHOUT_STRATEGIC)
    if not isinstance(result, dict):
        raise _rejected("the patched value is not an object")
    return result


_WITHOUT_STRATEGIC = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH)


def misfit(patch: Object, why: str) -> status.StatusError:
    """The answer to a strategic merge patch whose result is no object of the kind."""
    error = status.invalid_value("patch", printed(patch), why)
    return status.invalid(status.GroupName("", ""), "", [error])


def check_type(patch_type: str, *, strategic_served: bool = True) -> None:
    """StatusError 415, before anything else is said of the request."""
    served = PATCH_TYPES if strategic_served else _WITHOUT_STRATEGIC
    if patch_type not in served:
        raise status.unsupported_media_type(served)


def _json_patched(fresh: Object, patch: Any) -> Any:
    if not isinstance(patch, list) or not all(isinstance(operation, dict) for operation in patch):
        raise status.bad_request(
            "error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch"
        )
    if len(patch) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}"
        raise status.StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")
    try:
        return json_patch.apply(fresh, patch)
    except json_patch.BadPatch as error:
        raise _rejected(str(error)) from error


def _rejected(why: str) -> status.StatusError:
    """The server's answer to a patch that does not fit the object."""
    return status.StatusError(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        {"causes": [{"reason": "UnexpectedServerResponse", "message": why}]},
    )
