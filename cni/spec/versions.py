"""Versions of the CNI specification."""

from __future__ import annotations

from cni.spec.errors import DECODING_FAILURE, INCOMPATIBLE_VERSION, CniError

ALL = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST = ALL[-1]
OLDEST = ALL[0]


def parse(version: str) -> tuple[int, int, int]:
    """Major, minor, micro; missing ones are 0. A CniError with code 6 on other text."""
    parts = version.split(".")
    if not 1 <= len(parts) <= 3 or not all(map(_is_number, parts)):
        raise CniError(f"failed to parse config version {version!r}", code=DECODING_FAILURE)
    numbers = [int(part) for part in parts] + [0, 0]  # signs too, as Go reads them: -1 is older than all
    return numbers[0], numbers[1], numbers[2]


def _is_number(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit()


def at_least(version: str, minimum: str) -> bool:
    return parse(version) >= parse(minimum)


def require(version: str, supported: tuple[str, ...]) -> None:
    if version not in supported:
        listed = " ".join(f'"{item}"' for item in supported)
        raise CniError(
            "incompatible CNI versions",
            code=INCOMPATIBLE_VERSION,
            details=f'config is "{version}", plugin supports [{listed}]',
        )
