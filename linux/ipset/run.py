"""The host's ipset program: whole batches by `ipset restore`, contents by `ipset save`."""

from __future__ import annotations

from linux import process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_TIMEOUT_S = 120


class IpsetFailed(Exception):
    """What the program said, in one line."""


def is_there() -> bool:
    return process.find("ipset") is not None


def restore(lines: Iterable[str]) -> None:
    """Commands without `ipset`, in one run; what exists or is gone already is no error."""
    text = "\n".join(lines)
    if text:
        _run(["ipset", "restore", "-exist"], (text + "\n").encode())


def save() -> dict[str, frozenset[str]]:
    """Members by set, each as `ipset` writes it."""
    found: dict[str, set[str]] = {}
    for line in _run(["ipset", "save"], b"").splitlines():
        verb, _, rest = line.partition(" ")
        name, _, member = rest.partition(" ")
        if verb == "create":
            found[name] = set()
        elif verb == "add":
            found.setdefault(name, set()).add(member.partition(" ")[0])
    return {name: frozenset(members) for name, members in found.items()}


def create_line(name: str, kind: str, *, ipv6: bool) -> str:
    """Room for a million members; a set of ports has all of them."""
    if kind == "bitmap:port":
        return f"create {name} {kind} range 0-65535"
    return f"create {name} {kind} family {'inet6' if ipv6 else 'inet'} hashsize 1024 maxelem 1048576"


def _run(argv: list[str], given: bytes) -> str:
    done = process.run(argv, input=given, timeout_s=_TIMEOUT_S, check=False)
    if done.code:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise IpsetFailed(f"ipset: {lines[0] if lines else 'failed without a word'}")
    return done.stdout
