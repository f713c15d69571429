"""A page of docs with parts that are made from what the code works by.

The text between the marks `<!-- NAME -->` and `<!-- end -->` is generated, the rest is written by hand.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_DOCS = Path(__file__).parents[1] / "docs"
_SECTION = re.compile(r"(<!-- (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


class GeneratedPage(NamedTuple):
    name: str
    """Below docs."""
    sections: Mapping[str, Callable[[], str]]

    @property
    def path(self) -> Path:
        return _DOCS / self.name

    def rendered(self, page: str) -> str:
        """The page with its sections made anew."""
        return _SECTION.sub(lambda found: f"{found[1]}{self.sections[found['name']]()}{found[3]}", page)

    def main(self) -> int:
        """Writes the page; with `--check` only says whether that would change it, by the exit status."""
        page = self.path.read_text()
        wanted = self.rendered(page)
        if "--check" in sys.argv[1:]:
            if page != wanted:
                print(f"docs/{self.name} is not what the code does: run {sys.argv[0]}", file=sys.stderr)
            return int(page != wanted)
        self.path.write_text(wanted)
        return 0
