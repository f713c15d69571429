"""All or nothing: what has been done and how to take it back.

For a process that dies there is the attachment's record; this is for one that fails and lives.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType


class Undo:
    """`with Undo(report) as undo:` runs the pushed functions, last first, if the block raises."""

    def __init__(self, report: Callable[[str], None]) -> None:
        self._report = report
        self._steps: list[tuple[str, Callable[[], object]]] = []

    def push(self, what: str, function: Callable[[], object]) -> None:
        """What says it for the report, should taking back fail as well."""
        self._steps.append((what, function))

    def __enter__(self) -> Undo:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            return
        for what, function in reversed(self._steps):
            try:
                function()
            except Exception as failure:
                self._report(f"podnet: while undoing a failed ADD: {what}: {failure}\n")
