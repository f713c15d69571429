"""/healthz, /livez, /readyz and their ?verbose form."""

from collections.abc import Sequence
from typing import NamedTuple

from kube.apiserver.request import Answer, Query, text_answer


class Check(NamedTuple):
    """One named condition; `fault` empty means it holds."""

    name: str
    fault: str = ""


def answer(endpoint: str, checks: Sequence[Check], query: Query) -> Answer:
    """200 `ok`, or the list of checks; 500 with the list when one fails."""
    checks = [check for check in checks if check.name not in query.all("exclude")]
    failed = [check for check in checks if check.fault]
    if not failed and "verbose" not in query:
        return text_answer("ok")
    lines = [
        f"[-]{check.name} failed: {check.fault}" if check.fault else f"[+]{check.name} ok" for check in checks
    ]
    lines.append(f"{endpoint} check {'failed' if failed else 'passed'}")
    return text_answer("\n".join(lines) + "\n", 500 if failed else 200)
