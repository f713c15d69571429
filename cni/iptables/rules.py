"""Rules and tables as text, pure (iptables-save(8), iptables-restore(8))."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NamedTuple
else:
    from linux.records import NamedTuple


class Table(NamedTuple):
    """One table: its chains in order, each with its rules as iptables-save prints them, without `-A CHAIN`."""

    chains: Mapping[str, tuple[str, ...]]

    def has(self, chain: str) -> bool:
        return chain in self.chains

    def jumps(self, chain: str, target: str) -> tuple[str, ...]:
        """Rules of a chain that lead to target."""
        wanted = (f"-j {target}", f"-g {target}")
        return tuple(
            rule
            for rule in self.chains.get(chain, ())
            if rule.endswith(wanted) or any(f"{item} " in rule for item in wanted)
        )


def parse(text: str, table: str) -> Table:
    """The table of that name in iptables-save's output; empty if it is not there."""
    chains: dict[str, list[str]] = {}
    inside = False
    for line in text.splitlines():
        if line.startswith("*"):
            inside = line[1:].strip() == table
        elif not inside:
            continue
        elif line.startswith(":"):
            chains[line[1:].split(" ", 1)[0]] = []
        elif line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            chains.setdefault(chain, []).append(rule)
    return Table({name: tuple(rules) for name, rules in chains.items()})


def line(*words: str | int) -> str:
    """Words of one command, quoted where iptables-restore needs it."""
    return " ".join(_quoted(str(word)) for word in words)


def _quoted(word: str) -> str:
    if word and not any(char in word for char in " \t\"'\\"):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def restore_text(table: str, lines: Iterable[str]) -> str:
    return "\n".join([f"*{table}", *lines, "COMMIT", ""])


def comment(text: str) -> tuple[str, ...]:
    return ("-m", "comment", "--comment", text)
