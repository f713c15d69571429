"""`kdns`: the command line."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dns.crew_run import Seat
    from dns.serve import Settings

USAGE = """usage: kdns [-conf FILE] [-dns.port PORT] [-memory MB] [-quiet]
       kdns check [FILE]
       kdns query NAME [TYPE] [--explain] [-conf FILE]
       kdns -plugins | -version | --help | --print-completion bash|zsh|tcsh

Answers DNS queries for a Kubernetes cluster and forwards all others, configured by a Corefile as CoreDNS takes it.

  -conf FILE      the Corefile (default: ./Corefile; "stdin" reads it from there)
  -dns.port PORT  the port of zones that name none (default 53)
  -memory MB      what the process should stay under (default 60): answers are kept ready in what the zone leaves
                  of it; what finds no room is made anew each time
  -quiet          log errors only
  -plugins        list what a Corefile may name
  check           read a Corefile, name its first mistake with line and column, and end
  query           ask what this Corefile would answer; --explain says which plugin answered, from what, or why not

examples:
  kdns -conf /etc/podnet/Corefile
  kdns -conf Corefile -dns.port 1053
  kdns query kubernetes.default.svc.cluster.local A --explain -conf /etc/podnet/Corefile

SIGTERM ends it in order (after `health`'s lameduck), SIGUSR1 reads the Corefile again.
"""


class UsageError(Exception):
    """The command line cannot be understood."""


def main(arguments: Sequence[str] | None = None) -> None:
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        sys.exit(run(words))
    except UsageError as problem:
        sys.stderr.write(f"kdns: {problem}\nRun kdns --help for its usage.\n")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def run(words: list[str]) -> int:
    """The exit status."""
    if words and words[0] == "check":
        return check(words[1:])
    if words and words[0] == "query":
        return query(words[1:])
    options = parse_flags(words)
    if "help" in options:
        sys.stdout.write(USAGE)
        return 0
    if "version" in options:
        from dns.version import VERSION

        sys.stdout.write(f"kdns {VERSION}\n")
        return 0
    if "print-completion" in options:
        from dns.completion import script

        try:
            sys.stdout.write(script(options["print-completion"]) + "\n")
        except ValueError as problem:
            raise UsageError(str(problem)) from None
        return 0
    if "plugins" in options:
        from dns.handlers import HANDLERS

        sys.stdout.write("".join(f"dns.{name}\n" for name in HANDLERS))
        return 0
    return serve(options)


_WITH_VALUE = {"conf", "dns.port", "p", "pidfile", "memory", "print-completion"}
_FLAGS = {"help", "h", "version", "plugins", "quiet"}


def parse_flags(words: Sequence[str]) -> dict[str, str]:
    """Go's flags: one dash or two, `-name value` or `-name=value`. Raises UsageError."""
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            raise UsageError(f"{word!r} is not understood")
        name, equals, value = word.lstrip("-").partition("=")
        if name in _WITH_VALUE:
            if not equals:
                if not rest:
                    raise UsageError(f"-{name} needs a value")
                value = rest.pop(0)
            found["dns.port" if name == "p" else name] = value
        elif name in _FLAGS:
            found["help" if name == "h" else name] = value or "true"
        else:
            raise UsageError(f"there is no option -{name}")
    return found


def _port(options: dict[str, str]) -> int:
    text = options.get("dns.port", "53")
    if not text.isdigit() or not 0 < int(text) < 65_536:
        raise UsageError(f"-dns.port {text}: a port is a number from 1 to 65535")
    return int(text)


def _megabytes(options: dict[str, str]) -> int:
    text = options.get("memory", "60")
    if not text.isdigit() or not int(text):
        raise UsageError(f"-memory {text}: megabytes are a number from 1")
    return int(text)


def serve(options: dict[str, str]) -> int:
    from dns import crew_run
    from dns.serve import Settings
    from linux.logging_kv import setup

    path = options.get("conf", "Corefile")
    if path != "stdin" and not _is_there(path):
        return 1
    setup("kdns", "error" if "quiet" in options else "info")
    settings = Settings(corefile=path, default_port=_port(options), memory_bytes=_megabytes(options) << 20)
    if (count := crew_run.worker_count(path)) > 1:
        return crew_run.run(count, lambda seat: work(settings, seat))
    return work(settings, None)


def _is_there(path: str) -> bool:
    if os.path.isfile(path):
        return True
    sys.stderr.write(f"kdns: there is no Corefile at {path}: name one with -conf FILE\n")
    return False


def work(settings: Settings, seat: Seat | None) -> int:
    """Answer until told to stop; the exit status."""
    import asyncio

    from dns.corefile.tokens import CorefileError
    from dns.serve import ServerProcess

    process = ServerProcess(settings, seat)
    try:
        asyncio.run(process.run())
    except (CorefileError, OSError) as problem:
        text = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        sys.stderr.write(f"kdns: {text}\n")
        return 1
    return 0


def check(words: list[str]) -> int:
    """Read a Corefile and say its first mistake."""
    from dns import disk
    from dns.build import parse
    from dns.corefile.tokens import CorefileError

    if len(words) > 1 or (words and words[0].startswith("-") and words[0] != "-"):
        raise UsageError("check takes one Corefile")
    path = words[0] if words else "Corefile"
    try:
        text = sys.stdin.read() if path == "-" else disk.read_text(path)
        blocks = parse(
            text,
            file=os.path.basename(path),
            environment=os.environ,
            importer=disk.importer(os.path.dirname(path) or "."),
        )
    except OSError as problem:
        sys.stderr.write(f"kdns: {path}: {(problem.strerror or '').lower()}\n")
        return 1
    except CorefileError as problem:
        sys.stderr.write(f"kdns: {problem}\n")
        return 1
    for one in blocks:
        names = " ".join(name for name, _, _ in one.handlers)
        sys.stdout.write(f"{', '.join(key.text for key in one.block.keys)}: {names or 'no plugin'}\n")
    return 0


def query(words: list[str]) -> int:
    from dns.ask import ask

    explain = "--explain" in words or "-explain" in words
    rest = [word for word in words if word not in {"--explain", "-explain"}]
    place = next((index for index, word in enumerate(rest) if word.startswith("-")), len(rest))
    names, options = rest[:place], parse_flags(rest[place:])
    if not 1 <= len(names) <= 2:
        raise UsageError("query takes a name and, if wanted, a record type")
    corefile = options.get("conf", "Corefile")
    if not _is_there(corefile):
        return 1
    return ask(names[0], names[1] if len(names) > 1 else "A", corefile, explain=explain)


if __name__ == "__main__":
    main()
