"""Running iptables-save and iptables-restore."""

from __future__ import annotations

import os
from _thread import get_ident

from cni.iptables import rules
from cni.spec.errors import CniError
from linux.execute import execute, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from cni.iptables.rules import Table

_looks: dict[int, dict[tuple[int, str], Table]] = {}
_TIMEOUT_S = 60.0
_LOCK_WAIT_S = 30  # legacy iptables has one lock for the whole host


def is_available() -> bool:
    return find("iptables-restore", os.environ.get("PATH", "")) is not None


class Look:
    """Inside the with block this thread reads each table once, and again only after it has changed it."""

    def __enter__(self) -> None:
        _looks[get_ident()] = {}

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del _looks[get_ident()]


def save(bits: int, table: str) -> Table:
    """What a table of IPv4 (32) or IPv6 (128) holds."""
    seen = _looks.get(get_ident())
    if seen is None:
        return _save(bits, table)
    if (bits, table) not in seen:
        seen[bits, table] = _save(bits, table)
    return seen[bits, table]


def _save(bits: int, table: str) -> Table:
    return rules.parse(_run(f"{_prefix(bits)}-save", ["-t", table], b""), table)


def restore(bits: int, table: str, lines: Sequence[str]) -> None:
    """All lines or none; other chains stay as they are."""
    if lines:
        _looks.get(get_ident(), {}).pop((bits, table), None)
        text = rules.restore_text(table, lines)
        _run(f"{_prefix(bits)}-restore", ["--noflush", "-w", str(_LOCK_WAIT_S)], text.encode())


def _prefix(bits: int) -> str:
    return "iptables" if bits == 32 else "ip6tables"


def _run(program: str, arguments: list[str], stdin: bytes) -> str:
    path = find(program, os.environ.get("PATH", ""))
    if path is None:
        raise CniError(f"{program} is not installed: install iptables, or choose the nftables backend")
    done = execute(
        [path, *arguments], stdin=stdin, env={"PATH": ":/usr/sbin:/sbin:/usr/bin:/bin"}, timeout_s=_TIMEOUT_S
    )
    if done.code:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise CniError(f"{program}: {said[0] if said else f'exit status {done.code}'}")
    return done.stdout.decode("utf-8", "replace")
