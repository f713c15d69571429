"""Writes the tables of docs/api.md from the rows the server works by; `--check` fails when the file says other.

The text between the marks `<!-- NAME -->` and `<!-- end -->` is generated, the rest is written by hand.
"""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from kube.apiserver.kinds import KINDS, Kind
from kube.apiserver.kinds.defaults import DEFAULTS
from kube.apiserver.kinds.kind import CRUD
from kube.apiserver.kinds.selectors.fields import FIELDS
from kube.apiserver.kinds.table import ROWS
from kube.apiserver.kinds.validation import RULES

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
_SECTION = re.compile(r"(<!-- (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = tuple(head)
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _verbs(kind: Kind) -> str:
    if set(kind.verbs) == set(CRUD):
        return "all"
    if set(kind.verbs) == set(CRUD) - {"deletecollection"}:
        return "all but deletecollection"
    return ", ".join(kind.verbs)


def _yes(condition: object) -> str:
    return "yes" if condition else ""


def kinds() -> str:
    """A line a kind: how it is addressed, and what is known of it beyond its type."""
    ordered = sorted(KINDS, key=lambda kind: (kind.group, kind.plural, kind.version))
    rows = (
        (
            f"{kind.group}/{kind.version}".lstrip("/"),
            kind.plural,
            ", ".join(kind.short_names),
            "namespace" if kind.namespaced else "cluster",
            _verbs(kind),
            ", ".join(row.name for row in kind.subresource_rows),
            _yes(kind.key in DEFAULTS),
            _yes(kind.key in RULES),
            _yes(kind.key in ROWS),
        )
        for kind in ordered
    )
    head = ("group", "resource", "short", "scope", "verbs", "subresources", "defaults", "rules", "columns")
    return f"{len(ordered)} resources.\n\n{_table(head, rows)}"


def field_selectors() -> str:
    """Beyond metadata.name and metadata.namespace, which every kind has."""
    rows = (
        (key, ", ".join(sorted(set(names) - {"metadata.name", "metadata.namespace"})))
        for key, names in sorted(FIELDS.items())
    )
    return _table(("resource", "fields"), rows)


SECTIONS: Mapping[str, Callable[[], str]] = {"kinds": kinds, "field-selectors": field_selectors}


def rendered(page: str) -> str:
    """The page with its tables made anew."""
    return _SECTION.sub(lambda found: f"{found[1]}{SECTIONS[found['name']]()}{found[3]}", page)


def main() -> int:
    page = PAGE.read_text()
    wanted = rendered(page)
    if "--check" in sys.argv[1:]:
        if page != wanted:
            print("docs/api.md is not what the server does: run tools/api_tables.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
