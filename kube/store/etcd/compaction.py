"""Who compacts, and up to where: one server per period, by the compare key that kube-apiserver uses too.

The key's version counts the turns; who writes it at the version last seen has the turn and compacts up to the
newest revision of its own last look. So history is kept for one period at least and two at most, and servers
that died or are too many do no harm.
"""

from typing import NamedTuple

KEY = b"compact_rev_key"  # its value: the revision compacted up to


class Look(NamedTuple):
    """What a server saw at its last turn: how often the key was written, and the newest revision."""

    version: int = 0
    revision: int = 0


class Step(NamedTuple):
    """The look to remember, and the revision to compact up to, 0 for nothing."""

    look: Look
    compact: int = 0


def won(look: Look, newest: int) -> Step:
    """The key was written; the first turn of a server has nothing to compact up to."""
    return Step(Look(look.version + 1, newest), look.revision)


def lost(version: int, newest: int) -> Step:
    """Another server has the turn; try to follow it."""
    return Step(Look(version, newest))


def announced(value: bytes) -> int:
    """The revision that the key's value says is compacted, 0 when it says nothing."""
    return int(value) if value.isdigit() else 0
