"""One kubectl command and what it must say."""

from typing import NamedTuple


class Step(NamedTuple):
    """`command` as one types it behind kubectl; {dir} is the folder that `files` are written to.

    `out` is the whole standard output, `like` a regular expression found in it, `err` one found in the standard
    error. `eventually`: repeated until it holds, for what controllers do and for what has little time to answer.
    """

    command: str
    out: str | None = None
    like: str | None = None
    err: str | None = None
    code: int = 0
    stdin: str | None = None
    eventually: bool = False
    editor: str = "true"


class Chapter(NamedTuple):
    """Steps in order, in a namespace of their own."""

    name: str
    steps: tuple[Step, ...]
    files: dict[str, str] = {}  # noqa: RUF012 - never changed
