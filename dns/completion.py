"""The shell's completion of `kdns`: shtab writes it from the same words that the command line takes."""

from __future__ import annotations

import argparse

from linux.completion import SHELLS


def script(shell: str) -> str:
    """Raises ValueError for a shell that there is none for."""
    if shell not in SHELLS:
        raise ValueError(f"--print-completion takes {', '.join(SHELLS)}, found {shell!r}")
    import shtab  # only those who ask for the script wait for it

    return str(shtab.complete(_words(), shell))


def _words() -> argparse.ArgumentParser:
    """Go's flags have one dash: this parser is never asked to parse, only what it knows is read."""
    import shtab

    parser = argparse.ArgumentParser(prog="kdns")
    _file(parser.add_argument("-conf", help="the Corefile"), shtab.FILE)
    parser.add_argument("-dns.port", help="the port of zones that name none")
    parser.add_argument("-memory", help="megabytes the process should stay under")
    for flag, text in (
        ("-quiet", "log errors only"),
        ("-plugins", "list plugins"),
        ("-version", "the version"),
    ):
        parser.add_argument(flag, action="store_true", help=text)
    parser.add_argument("--print-completion", choices=SHELLS, help="print this script")
    commands = parser.add_subparsers(dest="command")
    check = commands.add_parser("check", help="name a Corefile's first mistake")
    _file(check.add_argument("file", nargs="?"), shtab.FILE)
    query = commands.add_parser("query", help="ask what a Corefile would answer")
    query.add_argument("name")
    query.add_argument("type", nargs="?", choices=("A", "AAAA", "CNAME", "NS", "PTR", "SOA", "SRV", "TXT"))
    query.add_argument("--explain", action="store_true", help="say which plugin answered, and why")
    _file(query.add_argument("-conf", help="the Corefile"), shtab.FILE)
    return parser


def _file(action: argparse.Action, completion: dict[str, str]) -> None:
    action.complete = completion  # type: ignore[attr-defined]
