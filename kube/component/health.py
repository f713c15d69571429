"""Health pages in the words of Kubernetes' components. Pure."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Check = Callable[[], str]
"""Why it fails, "" where it does not."""
PAGES = ("healthz", "livez", "readyz")


class Answer(NamedTuple):
    status: int
    body: str
    kind: str = "text/plain; charset=utf-8"


def page(name: str, checks: Mapping[str, Check], query: Mapping[str, Sequence[str]]) -> Answer:
    """`?verbose` names each check, `?exclude=` leaves some out; the reason of a failure stays in the log."""
    left_out = frozenset(query.get("exclude", ()))
    lines, good = [], True
    for check, ask in checks.items():
        if check in left_out:
            lines.append(f"[+]{check} excluded: ok")
        elif ask():
            good = False
            lines.append(f"[-]{check} failed: reason withheld")
        else:
            lines.append(f"[+]{check} ok")
    if not good:
        return Answer(500, "\n".join([*lines, f"{name} check failed", ""]))
    if "verbose" in query:
        return Answer(200, "\n".join([*lines, f"{name} check passed", ""]))
    return Answer(200, "ok")
