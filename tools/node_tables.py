"""Writes the tables of docs/node-agent.md from nodeagent.supported and the agent's options; `--check` only compares."""

import sys

from nodeagent.flags import kubelet_options
from nodeagent.supported import ELSEWHERE, IGNORED, REFUSED, SUPPORT, YES
from tools.generated_page import GeneratedPage, table

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
    return table(("option", "meaning"), ((f"`{name}`", text) for name, text in kubelet_options()))


PAGE = GeneratedPage("node-agent.md", {"fields": fields, "options": options})


if __name__ == "__main__":
    sys.exit(PAGE.main())
