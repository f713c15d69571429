"""Errors as the CNI specification numbers them (SPEC.md 1.1.0, section 5, "Error")."""

from __future__ import annotations

INCOMPATIBLE_VERSION = 1
UNSUPPORTED_FIELD = 2
UNKNOWN_CONTAINER = 3
INVALID_ENVIRONMENT = 4
IO_FAILURE = 5
DECODING_FAILURE = 6
INVALID_CONFIG = 7
INVALID_NETNS = 8
TRY_AGAIN_LATER = 11
UNAVAILABLE = 50
UNAVAILABLE_LIMITED = 51
INTERNAL = 999


class CniError(Exception):
    """What a plugin answers when it fails; msg says what to do, details name the values."""

    def __init__(self, msg: str, *, code: int = INTERNAL, details: str = "") -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
        self.details = details

    def to_json(self, version: str) -> dict[str, object]:
        body: dict[str, object] = {"cniVersion": version, "code": self.code, "msg": self.msg}
        if self.details:
            body["details"] = self.details
        return body


def decoding_failure(msg: str) -> CniError:
    return CniError(msg, code=DECODING_FAILURE)


def try_again(msg: str) -> CniError:
    return CniError(msg, code=TRY_AGAIN_LATER)
