"""The text that iptables-restore --noflush reads and iptables-save writes."""

from __future__ import annotations

from linux.iptables.rules import Jump, render

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from typing import NamedTuple

    from linux.iptables.rules import Rule
else:
    from linux.records import NamedTuple


class Edit(NamedTuple):
    """One table's change, carried out at once. Chains in `write` are made or emptied, in this order, and filled
    (`document` says how much the order matters); `insert` goes to the top of built-in chains; `remove` must have no references left.
    """

    table: str
    write: Mapping[str, tuple[Rule, ...]]
    remove: tuple[str, ...] = ()
    insert: tuple[tuple[str, Rule], ...] = ()

    @property
    def is_empty(self) -> bool:
        return not (self.write or self.remove or self.insert)


def document(edits: Iterable[Edit]) -> str:
    """Input of `iptables-restore --noflush`.

    A rule comes as soon as the chain that it goes to is there, not after all chains: iptables-nft-restore (1.8.9)
    looks up every name that it meets in a sorted list, from its beginning. Where chains are written in descending
    order of their names, and rules of a large chain in that of their targets, each name is found among the first;
    10,000 services load in a third of the time.
    """
    lines: list[str] = []
    for edit in edits:
        if edit.is_empty:
            continue
        lines.append(f"*{edit.table}")
        lines += _fill(edit.write)
        lines += [f":{chain} - [0:0]" for chain in edit.remove]
        lines += [f"-I {chain} {render(rule)}" for chain, rule in edit.insert]
        lines += [f"-X {chain}" for chain in edit.remove]
        lines.append("COMMIT")
    return "\n".join(lines) + "\n" if lines else ""


def _fill(write: Mapping[str, tuple[Rule, ...]]) -> list[str]:
    lines: list[str] = []
    there: set[str] = set()
    rest = {chain: iter(rules) for chain, rules in write.items()}
    waiting: dict[str, list[tuple[str, Rule]]] = {}

    def pour(chain: str, rule: Rule | None) -> None:
        """This rule and those after it, up to one that goes to a chain that is yet to come."""
        while rule is not None:
            target = rule.target
            if isinstance(target, Jump) and target.chain in write and target.chain not in there:
                waiting.setdefault(target.chain, []).append((chain, rule))
                return
            lines.append(f"-A {chain} {render(rule)}")
            rule = next(rest[chain], None)

    for chain in write:
        lines.append(f":{chain} - [0:0]")
        there.add(chain)
        pour(chain, next(rest[chain], None))
        for held, rule in waiting.pop(chain, ()):
            pour(held, rule)
    return lines


class Saved(NamedTuple):
    """What iptables-save says of one table: chains, and the lines of each as it writes them."""

    chains: Mapping[str, tuple[str, ...]]

    def jumps(self, chain: str, target: str) -> bool:
        """Whether a chain has any rule that goes to another."""
        return any(line.endswith(f"-j {target}") for line in self.chains.get(chain, ()))

    def removals(self, chains: Collection[str], emptied: Collection[str] = ()) -> list[str]:
        """Lines that remove these chains and, as it was saved, every jump to them from chains that stay; chains
        that are to be `emptied` have none left then.
        """
        jumps = [
            f"-D {chain} {line}"
            for chain, found in self.chains.items()
            if chain not in chains and chain not in emptied
            for line in found
            if line.rpartition("-j ")[2] in chains
        ]
        flushed = [f":{chain} - [0:0]" for chain in (*emptied, *chains)]
        return [*flushed, *jumps, *(f"-X {chain}" for chain in chains)]


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
