"""Which MAC policy systemd-udevd applies to a new link: the first .link file that matches decides. Pure (systemd.link(5))."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

FOLDERS = (
    "/etc/systemd/network",
    "/run/systemd/network",
    "/usr/local/lib/systemd/network",
    "/usr/lib/systemd/network",
)
"""A file in an earlier one hides those of its name in the later ones."""


def mac_policy(files: Mapping[str, str], name: str, driver: str) -> str:
    """`files` are texts by file name; "" where nothing is said."""
    for file in sorted(files):
        sections = _sections(files[file])
        if _matches(sections.get("Match", {}), name, driver):
            return sections.get("Link", {}).get("MACAddressPolicy", "")
    return ""


def _matches(wanted: Mapping[str, str], name: str, driver: str) -> bool:
    """A file without conditions matches nothing since systemd 243; conditions that are not known here do not match."""
    told = {"OriginalName": name, "Driver": driver, "Kind": driver}
    return bool(wanted) and all(
        key in told and any(fnmatchcase(told[key], pattern) for pattern in value.split())
        for key, value in wanted.items()
    )


def _sections(text: str) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
        elif line and line[0] not in "#;" and "=" in line:
            key, _, value = line.partition("=")
            section[key.strip()] = value.strip()
    return found
