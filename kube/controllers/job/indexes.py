"""Completion indexes as the API writes them: "0-2,5"."""

from __future__ import annotations

from collections.abc import Iterable

from kube.objects import Pod

INDEX = "batch.kubernetes.io/job-completion-index"


def parse(text: str) -> set[int]:
    found: set[int] = set()
    for part in text.split(",") if text else ():
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def render(indexes: Iterable[int]) -> str:
    parts: list[str] = []
    run: list[int] = []
    for index in [*sorted(set(indexes)), None]:
        if run and index == run[-1] + 1:
            run.append(index)
            continue
        if run:
            if len(run) == 1:
                parts.append(str(run[0]))
            else:
                parts.append(f"{run[0]}{'-' if len(run) > 2 else ','}{run[-1]}")
        run = [index] if index is not None else []
    return ",".join(parts)


def index_of(pod: Pod) -> int | None:
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdigit() else None
