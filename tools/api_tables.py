"""Writes the tables of docs/api.md from the rows the server works by; `--check` fails when the file says other."""

import sys

from kube.apiserver.kinds import KINDS, Kind
from kube.apiserver.kinds.defaults import DEFAULTS
from kube.apiserver.kinds.kind import CRUD
from kube.apiserver.kinds.selectors.fields import FIELDS
from kube.apiserver.kinds.table import ROWS
from kube.apiserver.kinds.validation import RULES
from tools.generated_page import GeneratedPage, table


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
    return f"{len(ordered)} resources.\n\n{table(head, rows)}"


def field_selectors() -> str:
    """Beyond metadata.name and metadata.namespace, which every kind has."""
    rows = (
        (key, ", ".join(sorted(set(names) - {"metadata.name", "metadata.namespace"})))
        for key, names in sorted(FIELDS.items())
    )
    return table(("resource", "fields"), rows)


PAGE = GeneratedPage("api.md", {"kinds": kinds, "field-selectors": field_selectors})


if __name__ == "__main__":
    sys.exit(PAGE.main())
