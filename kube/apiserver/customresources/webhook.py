"""Conversion webhooks: what is sent, and what an answer means."""

from collections.abc import Sequence
from typing import Any

import msgspec

from kube.apiserver import status

Object = dict[str, Any]


class BadConversion(Exception):
    """The answer is none; the sentence says why."""


def is_called(definition: Object) -> bool:
    return (definition["spec"].get("conversion") or {}).get("strategy") == "Webhook"


def review(definition: Object, objects: Sequence[Object], api_version: str, uid: str) -> bytes:
    """The ConversionReview to send."""
    versions = definition["spec"]["conversion"]["webhook"].get("conversionReviewVersions") or ()
    known = next((version for version in versions if version in ("v1", "v1beta1")), "v1")
    request = {"uid": uid, "desiredAPIVersion": api_version, "objects": objects}
    return msgspec.json.encode(
        {"kind": "ConversionReview", "apiVersion": f"apiextensions.k8s.io/{known}", "request": request}
    )


def converted(body: bytes, objects: Sequence[Object], api_version: str, uid: str) -> list[Object]:
    """The objects of the answer: metadata but for labels and annotations is what it was. Raises BadConversion."""
    try:
        reply = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise BadConversion(str(error)) from error
    response = reply.get("response") if isinstance(reply, dict) else None
    if not isinstance(response, dict):
        raise BadConversion("webhook response was absent")
    if response.get("uid") != uid:
        raise BadConversion(
            f"expected response.uid={status.quote(uid)}, got {status.quote(str(response.get('uid')))}"
        )
    result = response.get("result") or {}
    if result.get("status") != "Success":
        raise BadConversion(result.get("message") or "unknown reason")
    found = response.get("convertedObjects") or []
    if len(found) != len(objects):
        raise BadConversion(f"webhook returned {len(found)} objects, expected {len(objects)}")
    return [_checked(new, old, api_version) for new, old in zip(found, objects, strict=True)]


def _checked(new: Any, old: Object, api_version: str) -> Object:
    if not isinstance(new, dict):
        raise BadConversion("invalid converted object: it is none")
    for field, wanted in (("apiVersion", api_version), ("kind", old["kind"])):
        if new.get(field) != wanted:
            raise BadConversion(
                f"invalid groupVersion or kind: {field} is {new.get(field)}, expected {wanted}"
            )
    before, after = old["metadata"], new.get("metadata") or {}
    for field in ("name", "namespace", "uid"):
        if after.get(field) != before.get(field):
            raise BadConversion(f"invalid metadata.{field}: it may not be changed")
    free = {name: after[name] for name in ("labels", "annotations") if after.get(name)}
    kept = {name: value for name, value in before.items() if name not in ("labels", "annotations")}
    new["metadata"] = kept | free
    return new
