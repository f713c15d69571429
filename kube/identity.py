"""Whom a client certificate names, as every component of Kubernetes reads it. Pure."""

from collections.abc import Mapping
from typing import Any

AUTHENTICATED = "system:authenticated"


def subject_of(certificate: Mapping[str, Any] | None) -> tuple[str, tuple[str, ...]]:
    """CN, "" where there is none, and each O; `certificate` is what ssl's getpeercert() returns."""
    pairs = [pair for row in (certificate or {}).get("subject", ()) for pair in row]
    names = [value for field, value in pairs if field == "commonName"]
    return names[0] if names else "", tuple(value for field, value in pairs if field == "organizationName")
