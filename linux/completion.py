"""`--print-completion SHELL` for our commands: shtab writes the script from the argument parser."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

SHELLS = ("bash", "zsh", "tcsh")


class _Print(argparse.Action):
    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | None,
        option_string: str | None = None,
    ) -> None:
        import shtab  # only those who ask for the script wait for it

        print(shtab.complete(parser, str(values)))
        parser.exit()


def add_option(parser: argparse.ArgumentParser) -> None:
    """The option prints and ends, whatever else is required."""
    parser.add_argument(
        "--print-completion",
        action=_Print,
        choices=SHELLS,
        help="print a completion script: eval it in your shell",
    )
