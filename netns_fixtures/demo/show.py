"""What the demonstration prints: numbered steps, tables, and each check with its verdict."""

import time
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.status import Status
from rich.table import Table
from rich.text import Text


class CheckFailed(Exception):
    """A step did not show what it has to show."""


class Show:
    """Prints to a terminal with colour and progress, to a pipe as plain lines."""

    def __init__(self) -> None:
        self.console = Console(highlight=False, soft_wrap=True)
        self.failed: list[str] = []
        self.passed_count = 0
        self._started_s = time.monotonic()
        self._step = 0

    def step(self, title: str) -> None:
        self._step += 1
        self.console.print(f"\n[bold]{self._step}. {title}[/]  [dim]{self.elapsed_s:.1f} s[/]")

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def waiting(self, text: str) -> Status:
        """A context with a spinner whose text `update` changes."""
        return self.console.status(text)

    def say(self, text: str, style: str = "") -> None:
        """A line of somebody else's output: shown as it is, addresses in brackets included."""
        self.console.print(Text(f"   {text}", style=style))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
        table = Table(*columns, box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="bold")
        for row in rows:
            table.add_row(*(Text(str(cell)) for cell in row))
        self.console.print(Padding(table, (0, 0, 0, 3)))

    def bars(self, counts: dict[str, int]) -> None:
        """A bar a line, the longest 40 characters."""
        longest = max(counts.values(), default=1)
        rows = [
            (name, count, "█" * max(1, round(40 * count / longest))) for name, count in sorted(counts.items())
        ]
        self.table(("pod", "answers", ""), rows)

    def check(self, fact: str, holds: bool, otherwise: str = "") -> None:
        """Count the verdict and go on; `otherwise` says what was seen instead."""
        if holds:
            self.passed_count += 1
            self.console.print(f"   [green]✓[/] {fact}")
        else:
            self.failed.append(fact)
            self.console.print(f"   [red]✗ {fact}[/] {otherwise}")

    def require(self, fact: str, holds: bool, otherwise: str = "") -> None:
        """A check that the following steps rest on."""
        self.check(fact, holds, otherwise)
        if not holds:
            raise CheckFailed(fact)
