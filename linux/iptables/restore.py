"""The text that iptables-restore --noflush reads and iptables-save writes."""

from __future__ import annotations

from linux.iptables.rules import render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import NamedTuple

    from linux.iptables.rules import Rule
else:
    from linux.records import NamedTuple


class Edit(NamedTuple):
    """One table's change, carried out at once. Chains in `write` are made or emptied and then filled;
    `insert` goes to the top of built-in chains; `remove` must have no references left.
    """

    table: str
    write: Mapping[str, tuple[Rule, ...]]
    remove: tuple[str, ...] = ()
    insert: tuple[tuple[str, Rule], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.write or self.remove or self.insert)


def document(edits: Iterable[Edit]) -> str:
    """Input of `iptables-restore --noflush`."""
    lines: list[str] = []
    for edit in edits:
        if edit.is_empty:
            continue
        lines.append(f"*{edit.table}")
        lines += [f":{chain} - [0:0]" for chain in edit.write]
        lines += [f":{chain} - [0:0]" for chain in edit.remove]
        lines += [f"-A {chain} {render(rule)}" for chain, rules in edit.write.items() for rule in rules]
        lines += [f"-I {chain} {render(rule)}" for chain, rule in edit.insert]
        lines += [f"-X {chain}" for chain in edit.remove]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n" if lines else ""


class Saved(NamedTuple):
    """What iptables-save says of one table: chains, and the lines of each as it writes them."""

    chains: Mapping[str, tuple[str, ...]]

    def jumps(self, chain: str, target: str) -> bool:
        """Whether a chain has any rule that goes to another."""
        return any(line.endswith(f"-j {target}") for line in self.chains.get(chain, ()))


def parse_saved(text: str) -> dict[str, Saved]:
    """By table."""
    tables: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("*"):
            current = tables.setdefault(line[1:].strip(), {})
        elif line.startswith(":"):
            current[line[1:].split(" ", 1)[0]] = []
        elif line.startswith("-A "):
            _, chain, rest = line.split(" ", 2)
            current.setdefault(chain, []).append(rest)
    return {
        table: Saved({chain: tuple(found) for chain, found in chains.items()})
        for table, chains in tables.items()
    }
