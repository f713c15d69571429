"""Errors of the API: FieldError (one field's fault) and StatusError (a whole refused request).

The reasons, codes and sentences are part of the protocol: clients branch on `reason` and on the causes,
and people search for the messages. See metav1.Status, metav1.StatusDetails and api.md A1.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

Object = dict[str, Any]


class GroupName(NamedTuple):
    """A resource ("deployments") or a kind ("Deployment") with its group; "" is the core group."""

    group: str
    name: str

    @property
    def text(self) -> str:
        return f"{self.name}.{self.group}" if self.group else self.name


# Cause reasons (metav1.CauseType) and how each begins its message.
_TITLES = {
    "FieldValueNotFound": "Not found",
    "FieldValueRequired": "Required value",
    "FieldValueDuplicate": "Duplicate value",
    "FieldValueInvalid": "Invalid value",
    "FieldValueNotSupported": "Unsupported value",
    "FieldValueForbidden": "Forbidden",
    "FieldValueTooLong": "Too long",
    "FieldValueTooMany": "Too many",
    "FieldValueTypeInvalid": "Invalid value",
    "InternalError": "Internal error",
}
_WITHOUT_VALUE = frozenset(
    {"FieldValueRequired", "FieldValueForbidden", "FieldValueTooLong", "InternalError"}
)


def quote(text: str) -> str:
    """The text as Go's %q prints it, for the characters that occur in names and messages."""
    out = ['"']
    for char in text:
        if char in '"\\':
            out.append("\\" + char)
        elif char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        else:
            code = ord(char)
            out.append(
                f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
            )
    out.append('"')
    return "".join(out)


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\a": "\\a", "\b": "\\b", "\f": "\\f", "\v": "\\v"}


def _render_value(value: Any) -> str:
    """Bad values as the server prints them: text quoted, numbers plain, the rest JSON (since 1.34)."""
    if value is None:
        return '"null"'
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return msgspec.json.encode(value, order="sorted").decode()


OMITTED: Any = object()  # a bad value that is not shown, because it is large


class FieldError(msgspec.Struct, frozen=True):
    """What is wrong with one field.

    `reason` is a metav1 cause ("FieldValueInvalid", …); `field` a path like `spec.ports[0].name`.
    """

    reason: str
    field: str
    detail: str = ""
    bad_value: Any = None

    @property
    def body(self) -> str:
        """The message without the field's name: what goes into the cause."""
        title = _TITLES.get(self.reason, self.reason)
        if self.reason not in _WITHOUT_VALUE and self.bad_value is not OMITTED:
            title = f"{title}: {_render_value(self.bad_value)}"
        return f"{title}: {self.detail}" if self.detail else title

    @property
    def message(self) -> str:
        return f"{self.field}: {self.body}"

    def to_cause(self) -> Object:
        return {"reason": self.reason, "message": self.body, "field": self.field}


def invalid_value(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, detail, value)


def type_invalid(field: str, value: Any, detail: str) -> FieldError:
    return FieldError("FieldValueTypeInvalid", field, detail, value)


def required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, detail)


def duplicate(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueDuplicate", field, "", value)


def not_found_value(field: str, value: Any) -> FieldError:
    return FieldError("FieldValueNotFound", field, "", value)


def not_supported(field: str, value: Any, supported: Iterable[str]) -> FieldError:
    listed = ", ".join(quote(item) for item in supported)
    return FieldError("FieldValueNotSupported", field, f"supported values: {listed}" if listed else "", value)


def forbidden_value(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, detail)


def too_long(field: str, max_bytes: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"may not be more than {max_bytes} bytes")


def too_many(field: str, actual: int, maximum: int) -> FieldError:
    return FieldError("FieldValueTooMany", field, f"must have at most {maximum} items", actual)


class StatusError(Exception):
    """A request that is answered with a metav1.Status of status Failure."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata

    @property
    def retry_after_s(self) -> int | None:
        """Seconds for the Retry-After header, where the client is asked to come back."""
        return (self.details or {}).get("retryAfterSeconds")

    def to_status(self) -> Object:
        status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": dict(self.metadata or {}),
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = dict(self.details)
        status["code"] = self.code
        return status


def success(what: GroupName, name: str, uid: str) -> Object:
    """The Status that answers a DELETE after which nothing is left."""
    details = _details(what, name)
    if uid:
        details["uid"] = uid
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}


def _details(what: GroupName, name: str = "", **more: Any) -> Object:
    details: Object = {}
    if name:
        details["name"] = name
    if what.group:
        details["group"] = what.group
    if what.name:
        details["kind"] = what.name
    details.update(more)
    return details


def not_found(resource: GroupName, name: str) -> StatusError:
    message = f"{resource.text} {quote(name)} not found"
    return StatusError(404, "NotFound", message, _details(resource, name))


def path_not_found() -> StatusError:
    """The answer for a resource (not an object) that is not served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(resource: GroupName, name: str) -> StatusError:
    message = f"{resource.text} {quote(name)} already exists"
    return StatusError(409, "AlreadyExists", message, _details(resource, name))


def generate_name_conflict(resource: GroupName, name: str) -> StatusError:
    message = (
        f"{resource.text} {quote(name)} already exists, "
        "the server was not able to generate a unique name for the object"
    )
    return StatusError(409, "AlreadyExists", message, _details(resource, name, retryAfterSeconds=1))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def conflict(resource: GroupName, name: str, why: str = MODIFIED) -> StatusError:
    message = f"Operation cannot be fulfilled on {resource.text} {quote(name)}: {why}"
    return StatusError(409, "Conflict", message, _details(resource, name))


def apply_conflict(message: str, causes: Sequence[Object]) -> StatusError:
    """A server-side apply that met fields of other managers; the causes name them."""
    return StatusError(409, "Conflict", message, {"causes": list(causes)})


def undeclared_fields(
    api_version: str, kind: str, namespace: str, name: str, paths: Sequence[str]
) -> StatusError:
    """An apply of fields (`.spec.x`) that the schema does not have; the server gives it no reason."""
    faults = [f"{path}: field not declared in schema" for path in paths]
    why = faults[0] if len(faults) == 1 else "errors:\n" + "\n".join(f"  {fault}" for fault in faults)
    about = f"{namespace}/{name}; {api_version}, Kind={kind}"
    return StatusError(500, "", f"failed to create typed patch object ({about}): {why}")


def invalid(kind: GroupName, name: str, errors: Sequence[FieldError]) -> StatusError:
    """422 with one cause an error. `kind` is the Kind's name with its group, not the resource."""
    texts = list(dict.fromkeys(error.message for error in errors))
    message = f"{kind.text} {quote(name)} is invalid"
    if texts:
        message += ": " + (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]")
    causes = [error.to_cause() for error in errors]
    return StatusError(422, "Invalid", message, _details(kind, name, causes=causes))


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized(message: str = "Unauthorized") -> StatusError:
    return StatusError(401, "Unauthorized", message)


def forbidden(
    resource: GroupName, name: str, why: str, *, causes: Sequence[Mapping[str, Any]] = ()
) -> StatusError:
    if not resource.name:
        message = f"forbidden: {why}"
    elif not name:
        message = f"{resource.text} is forbidden: {why}"
    else:
        message = f"{resource.text} {quote(name)} is forbidden: {why}"
    details = _details(resource, name)
    if causes:
        details["causes"] = [dict(cause) for cause in causes]
    return StatusError(403, "Forbidden", message, details)


def namespace_terminating(resource: GroupName, name: str, namespace: str) -> StatusError:
    """A create in a namespace that is being deleted; clients look for the cause."""
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return forbidden(resource, name, why, causes=(cause,))


def expired(message: str, *, continue_token: str = "") -> StatusError:
    """410: the resource version or continue token lies before the kept history."""
    return StatusError(
        410, "Expired", message, None, {"continue": continue_token} if continue_token else None
    )


def too_old_resource_version(requested: int, oldest: int) -> StatusError:
    return expired(f"too old resource version: {requested} ({oldest})")


def gone(message: str) -> StatusError:
    return StatusError(410, "Gone", message)


def too_large_resource_version(requested: int, current: int) -> StatusError:
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {requested}, current: {current}"
    return StatusError(504, "Timeout", message, details)


def method_not_allowed(resource: GroupName, action: str) -> StatusError:
    """`action` is the verb as the server says it: create, update, patch, delete, …"""
    message = f"{action} is not supported on resources of kind {quote(resource.text)}"
    return StatusError(405, "MethodNotAllowed", message, _details(resource))


def method_not_allowed_here() -> StatusError:
    return StatusError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}
    )


def not_acceptable(accepted: Iterable[str]) -> StatusError:
    message = f"only the following media types are accepted: {', '.join(accepted)}"
    return StatusError(406, "NotAcceptable", message, {})


def unsupported_media_type(accepted: Iterable[str]) -> StatusError:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(
        accepted
    )
    return StatusError(415, "UnsupportedMediaType", message, {})


def too_large_entity(limit_bytes: int) -> StatusError:
    message = f"Request entity too large: limit is {limit_bytes}"
    return StatusError(413, "RequestEntityTooLarge", message)


def too_many_requests(
    message: str, *, retry_after_s: int = 1, causes: Sequence[Mapping[str, Any]] = ()
) -> StatusError:
    details: Object = {}
    if causes:
        details["causes"] = [dict(cause) for cause in causes]
    if retry_after_s:
        details["retryAfterSeconds"] = retry_after_s
    return StatusError(429, "TooManyRequests", message, details)


def timeout(message: str, *, retry_after_s: int = 0) -> StatusError:
    details = {"retryAfterSeconds": retry_after_s} if retry_after_s else None
    return StatusError(504, "Timeout", f"Timeout: {message}", details)


def service_unavailable(message: str) -> StatusError:
    return StatusError(503, "ServiceUnavailable", message)


def internal_error(message: str) -> StatusError:
    details = {"causes": [{"message": message}]}
    return StatusError(500, "InternalError", f"Internal error occurred: {message}", details)
