"""How many connections there may be, and how much of unfinished questions may be kept for them. No I/O."""

from __future__ import annotations

from typing import Protocol

# Of unfinished questions, over all connections: who sends long ones and never ends them costs no more than this.
MAX_HELD_BYTES = 8 << 20
MAX_CONNECTIONS = 10_000


class Member(Protocol):
    def close(self) -> None: ...


class Crowd:
    """The connections of one process, the one that was silent longest first."""

    def __init__(self, max_count: int = MAX_CONNECTIONS, max_held_bytes: int = MAX_HELD_BYTES) -> None:
        self._max_count = max_count
        self._max_held_bytes = max_held_bytes
        self._members: dict[Member, int] = {}  # what is held for each
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._members)

    def join(self, member: Member) -> None:
        """When there are too many, the one that was silent longest goes."""
        self._members[member] = 0
        if len(self._members) > self._max_count:
            oldest = next(iter(self._members))
            self.leave(oldest)
            oldest.close()

    def leave(self, member: Member) -> None:
        self.held_bytes -= self._members.pop(member, 0)

    def spoke(self, member: Member, held_bytes: int) -> bool:
        """It sent something, of which so much is unfinished. False: there is no room for that."""
        before = self._members.pop(member, None)
        if before is None:
            return False
        self._members[member] = held_bytes
        self.held_bytes += held_bytes - before
        return held_bytes == 0 or self.held_bytes <= self._max_held_bytes
