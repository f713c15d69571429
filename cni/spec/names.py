"""What may be a container ID, a network name and an interface name (SPEC.md 1.1.0, section 1 and 2)."""

from __future__ import annotations

from cni.spec.errors import INVALID_CONFIG, INVALID_ENVIRONMENT, CniError

_ALNUM = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_NAME = _ALNUM | frozenset("_.-")
_IFNAME_BYTES = 15  # IFNAMSIZ less its NUL


def _is_name(text: str) -> bool:
    return text[0] in _ALNUM and _NAME.issuperset(text)


def check_container_id(container_id: str) -> None:
    if not container_id:
        raise CniError("missing containerID", code=INVALID_ENVIRONMENT)
    if not _is_name(container_id):
        raise CniError("invalid characters in containerID", code=INVALID_ENVIRONMENT, details=container_id)


def check_network_name(name: str) -> None:
    if not name:
        raise CniError("missing network name", code=INVALID_CONFIG)
    if not _is_name(name):
        raise CniError("invalid characters found in network name", code=INVALID_CONFIG, details=name)


def check_ifname(name: str) -> None:
    problem = _ifname_problem(name)
    if problem:
        details = "interface name should be less than 16 characters" if "long" in problem else ""
        raise CniError(problem, code=INVALID_ENVIRONMENT, details=details)


def _ifname_problem(name: str) -> str:
    if not name:
        return "interface name is empty"
    if len(name.encode("utf-8", "surrogateescape")) > _IFNAME_BYTES:
        return "interface name is too long"
    if name in (".", ".."):
        return "interface name is . or .."
    if "/" in name or ":" in name or any(char.isspace() for char in name):
        return "interface name contains / or : or whitespace characters"
    return ""
