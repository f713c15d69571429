"""Webhooks as values: what their configurations say, what is sent, what an answer means."""

import base64
import binascii
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from kube.apiserver import status
from kube.apiserver.dynamic_admission.attempts import Attempt, request_of
from kube.apiserver.kinds import Kind, expressions
from kube.apiserver.kinds.expressions import Condition
from kube.apiserver.status import StatusError

Object = dict[str, Any]

REVIEW_V1, REVIEW_V1BETA1 = "admission.k8s.io/v1", "admission.k8s.io/v1beta1"
_QUIET = ("None", "NoneOnDryRun")  # side effects that allow a dry run


class Hook(NamedTuple):
    """One webhook of a configuration. `fails_open`: a call that fails counts as allowed."""

    configuration: str
    name: str
    client_config: Object
    rules: Sequence[Object]
    namespace_selector: Object | None
    object_selector: Object | None
    conditions: tuple[Condition, ...]
    timeout_s: float
    fails_open: bool
    equivalent: bool
    quiet: bool
    review: str  # the AdmissionReview's apiVersion
    reinvoked: bool


def read(configuration: Object) -> tuple[Hook, ...]:
    """The webhooks of a stored Mutating- or ValidatingWebhookConfiguration."""
    return tuple(_read(configuration))


def _read(configuration: Object) -> Iterator[Hook]:
    name = configuration["metadata"]["name"]
    for row in configuration.get("webhooks") or ():
        versions = row.get("admissionReviewVersions") or ()
        known = next((version for version in versions if version in ("v1", "v1beta1")), "v1")
        found = row.get("matchConditions") or ()
        yield Hook(
            configuration=name,
            name=row["name"],
            client_config=row.get("clientConfig") or {},
            rules=row.get("rules") or (),
            namespace_selector=row.get("namespaceSelector"),
            object_selector=row.get("objectSelector"),
            conditions=expressions.conditions(found, expressions.environment(params=False, namespace=False))
            if found
            else (),
            timeout_s=float(row.get("timeoutSeconds") or 10),
            fails_open=row.get("failurePolicy") == "Ignore",
            equivalent=row.get("matchPolicy") != "Exact",
            quiet=row.get("sideEffects") in _QUIET,
            review=REVIEW_V1 if known == "v1" else REVIEW_V1BETA1,
            reinvoked=row.get("reinvocationPolicy") == "IfNeeded",
        )


def review(
    hook: Hook, attempt: Attempt, seen_as: Kind, obj: Object | None, old: Object | None, uid: str
) -> bytes:
    """The AdmissionReview to send; the objects are in the version of `seen_as`."""
    request = request_of(attempt, seen_as, uid)
    request |= {"object": obj, "oldObject": old}
    return msgspec.json.encode({"kind": "AdmissionReview", "apiVersion": hook.review, "request": request})


class Failed(Exception):
    """The webhook could not be asked, or its answer is none."""


class Verdict(NamedTuple):
    """`patch` is a JSON patch, empty for none."""

    patch: list[Any]
    warnings: tuple[str, ...]


def verdict(hook: Hook, uid: str, reply: Any, *, mutating: bool) -> Verdict:
    """What the webhook's answer means. Raises Failed, and StatusError when it says no."""
    response = reply.get("response") if isinstance(reply, dict) else None
    if not isinstance(response, dict):
        raise Failed("received invalid webhook response: webhook response was absent")
    if hook.review == REVIEW_V1:
        _check_v1(response, reply, uid, mutating=mutating)
    warnings = tuple(map(str, response.get("warnings") or ()))
    if not response.get("allowed"):
        raise refusal(hook, response.get("status"))
    text = response.get("patch")
    if not text or not mutating:
        return Verdict([], warnings)
    if response.get("patchType", "JSONPatch") != "JSONPatch":
        raise Failed(f"unsupported patch type {status.quote(str(response['patchType']))}")
    try:
        patch = msgspec.json.decode(base64.b64decode(text, validate=True))
    except (binascii.Error, msgspec.DecodeError, TypeError) as error:
        raise Failed(f"received undecodable patch in webhook response: {error}") from error
    if not isinstance(patch, list):
        raise Failed("received undecodable patch in webhook response: it is no list")
    return Verdict(patch, warnings)


def _check_v1(response: Object, reply: Object, uid: str, *, mutating: bool) -> None:
    def wrong(why: str) -> Failed:
        return Failed(f"received invalid webhook response: {why}")

    if response.get("uid") != uid:
        raise wrong(
            f"expected response.uid={status.quote(uid)}, got {status.quote(str(response.get('uid') or ''))}"
        )
    if (reply.get("apiVersion"), reply.get("kind")) != (REVIEW_V1, "AdmissionReview"):
        raise wrong(
            f"expected webhook response of {REVIEW_V1}, Kind=AdmissionReview, got {reply.get('apiVersion')}, "
            f"Kind={reply.get('kind')}"
        )
    has_patch, has_type = bool(response.get("patch")), response.get("patchType") is not None
    if not mutating and has_patch:
        raise wrong("validating webhook may not return response.patch")
    if not mutating and has_type:
        raise wrong("validating webhook may not return response.patchType")
    if has_patch and not has_type:
        raise wrong("webhook returned response.patch but not response.patchType")
    if has_type and not has_patch:
        raise wrong("webhook returned response.patchType but not response.patch")


def refusal(hook: Hook, result: Any) -> StatusError:
    """The webhook's own status, with its name before the message; at least a 400."""
    found = result if isinstance(result, dict) else {}
    message, reason = found.get("message") or "", found.get("reason") or ""
    denied = f"admission webhook {status.quote(hook.name)} denied the request"
    shown = f"{denied}: {message or reason}" if message or reason else f"{denied} without explanation"
    code = found.get("code") or 0
    details = found.get("details")
    return StatusError(
        code if isinstance(code, int) and 400 <= code < 600 else 400,
        str(reason),
        shown,
        details if isinstance(details, dict) else None,
    )


def no_dry_run(hook: Hook) -> StatusError:
    return status.bad_request(f"admission webhook {status.quote(hook.name)} does not support dry run")


def calling_failed(hook: Hook, why: str) -> StatusError:
    return status.internal_error(f"failed calling webhook {status.quote(hook.name)}: {why}")
