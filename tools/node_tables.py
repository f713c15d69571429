"""Writes the tables of docs/node-agent.md from nodeagent.supported and the agent's options; `--check` only compares.

The text between the marks `<!-- NAME -->` and `<!-- end -->` is generated, the rest is written by hand.
"""

import re
import sys
from pathlib import Path

from nodeagent.cli import kubelet_options
from nodeagent.supported import ELSEWHERE, IGNORED, REFUSED, SUPPORT, YES

PAGE = Path(__file__).parents[1] / "docs" / "node-agent.md"
_SECTION = re.compile(r"(<!-- (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_WORDS = {YES: "done here", ELSEWHERE: "done elsewhere", REFUSED: "refused", IGNORED: "ignored"}


def fields() -> str:
    """A part a kind: fields without a remark together on one line, the others one by one."""
    parts = []
    for kind, given in SUPPORT.items():
        lines = [f"### {kind}\n"]
        for verdict, words in _WORDS.items():
            plain = sorted(
                f"`{name}`" for name, (found, note) in given.items() if found == verdict and not note
            )
            if plain:
                lines.append(f"- {words}: {', '.join(plain)}")
            notes: dict[str, list[str]] = {}
            for name, (found, note) in given.items():
                if found == verdict and note:
                    notes.setdefault(note, []).append(f"`{name}`")
            lines += [f"- {words}: {', '.join(sorted(names))}: {note}" for note, names in notes.items()]
        parts.append("\n".join(lines) + "\n")
    return "\n" + "\n".join(parts) + "\n"


def options() -> str:
    rows = "".join(f"| `{name}` | {text} |\n" for name, text in kubelet_options())
    return f"| option | meaning |\n| --- | --- |\n{rows}"


SECTIONS = {"fields": fields, "options": options}


def rendered(page: str) -> str:
    """The page with its tables made anew."""
    return _SECTION.sub(lambda found: f"{found[1]}{SECTIONS[found['name']]()}{found[3]}", page)


def main() -> int:
    page = PAGE.read_text()
    wanted = rendered(page)
    if "--check" in sys.argv[1:]:
        if page != wanted:
            print("docs/node-agent.md is not what knode does: run tools/node_tables.py", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
