"""API failures by their meaning. The server answers a Status (meta/v1); its reason picks the class."""

import msgspec


class _Details(msgspec.Struct, frozen=True):
    retryAfterSeconds: int = 0  # noqa: N815  # the JSON name


class _Status(msgspec.Struct, frozen=True):
    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


class ApiError(Exception):
    """The server refused. `reason` is the machine's word (NotFound, Conflict, …), `message` the person's."""

    def __init__(self, code: int, reason: str, message: str, retry_after_s: int = 0) -> None:
        super().__init__(message or reason or f"HTTP {code}")
        self.code = code
        self.reason = reason
        self.message = message
        self.retry_after_s = retry_after_s


class NotFound(ApiError):
    """404."""


class AlreadyExists(ApiError):
    """409, on create."""


class Conflict(ApiError):
    """409: the object has changed since it was read."""


class Expired(ApiError):
    """410: the revision is gone, list again."""


class Forbidden(ApiError):
    """403."""


class Unauthorized(ApiError):
    """401."""


class Invalid(ApiError):
    """422: the object does not validate."""


class TooManyRequests(ApiError):
    """429: wait `retry_after_s`."""


class Unreachable(ApiError):
    """No answer: refused, reset, timed out, or TLS failed. Safe to try again."""

    def __init__(self, message: str) -> None:
        super().__init__(0, "Unreachable", message)


_BY_REASON: dict[str, type[ApiError]] = {
    "NotFound": NotFound,
    "AlreadyExists": AlreadyExists,
    "Conflict": Conflict,
    "Expired": Expired,
    "Gone": Expired,
    "Forbidden": Forbidden,
    "Unauthorized": Unauthorized,
    "Invalid": Invalid,
    "TooManyRequests": TooManyRequests,
}
_BY_CODE: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    429: TooManyRequests,
}


def error_from(code: int, body: bytes | msgspec.Raw) -> ApiError:
    """The exception for a failed reply; `body` is a Status, or text from something in between."""
    try:
        status = msgspec.json.decode(body, type=_Status)
    except msgspec.DecodeError:
        status = _Status(message=bytes(body[:500]).decode(errors="replace").strip(), code=code)
    kind = _BY_REASON.get(status.reason) or _BY_CODE.get(code or status.code, ApiError)
    retry_after_s = status.details.retryAfterSeconds if status.details else 0
    return kind(code or status.code, status.reason, status.message, retry_after_s)
