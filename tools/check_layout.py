"""Holds the tree to its rules: I/O only where a module's name says so, nouns for names, sizes, a page per backend.

Run as `make layout`; prints each breach with the rule and ends with status 1 if there is one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("kproxy", "cni", "dns", "kube", "linux", "nodeagent", "netns_fixtures")

# A module whose name is, or ends in, one of these may act on the world; all of linux/ may.
ACTING = ("apply", "serve", "drive", "disk", "run", "socket", "cli")
ACTING_MODULES = frozenset(
    {
        "socket",
        "subprocess",
        "sqlite3",
        "ssl",
        "selectors",
        "aiohttp",
        "urllib.request",
        "http.client",
        "http.server",
    }
)
ACTING_PACKAGES = (
    "linux.process",
    "linux.rtnl.socket",
    "linux.nft.socket",
    "linux.netlink.socket",
    "linux.netns",
)
DESCRIBING_NAMES = frozenset(
    {"AF_INET", "AF_INET6", "inet_ntop", "inet_pton", "Completed", "ProgramFailed", "SSLContext"}
)
BANNED_NAMES = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "tools"})
BANNED_CLASS_ENDINGS = ("Manager", "Helper", "Util", "Utils")
MAX_LINES = 400
# Breaches that are meant, each with its reason.
MEANT = {
    ("kube/apiserver/kinds/rows.py", "lines"): "one literal table: a row for each built-in kind",
    (
        "kube/apiserver/kinds/managed_fields/managers.py",
        "class",
    ): "a manager is what managedFields calls a writer",
}
NEEDS_README = ("kproxy/backends/*/",)


def main() -> int:
    breaches = list(check(ROOT))
    for breach in breaches:
        print(breach)
    return 1 if breaches else 0


def check(root: Path) -> Iterator[str]:
    """Every breach as `path: what, and what to do`."""
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            yield from _check_module(path, path.relative_to(root))
    for pattern in NEEDS_README:
        for folder in sorted(root.glob(pattern)):
            if any(folder.glob("*.py")) and not (folder / "README.md").exists():
                yield f"{folder.relative_to(root)}: has no README.md: say what it is for, how it works, its limits"


def _check_module(path: Path, shown: Path) -> Iterator[str]:
    text = path.read_text()
    if text.count("\n") > MAX_LINES and (str(shown), "lines") not in MEANT:
        yield f"{shown}: {text.count(chr(10))} lines: split it by noun at {MAX_LINES}"
    if {path.stem, path.parent.name} & BANNED_NAMES:
        yield f"{shown}: a module is a noun of the domain: rename it"
    tree = ast.parse(text)
    for node in ast.walk(tree):
        named_so = isinstance(node, ast.ClassDef) and node.name.endswith(BANNED_CLASS_ENDINGS)
        if isinstance(node, ast.ClassDef) and named_so and (str(shown), "class") not in MEANT:
            yield f"{shown}: class {node.name}: name what it is, not that it manages"
    if not may_act(shown):
        for name in sorted(_imported(tree)):
            if name in ACTING_MODULES or name.startswith(ACTING_PACKAGES):
                yield f"{shown}: imports {name}, but its name is none of {', '.join(ACTING)}: move the effect, or rename"


def may_act(shown: Path) -> bool:
    """Whether the module's name announces effects."""
    if shown.parts[0] == "linux":
        return True
    stem = shown.stem if shown.stem not in ("__init__", "__main__") else shown.parent.name
    return stem.split("_")[-1] in ACTING


def _imported(tree: ast.Module) -> set[str]:
    """What the module can reach; names that only describe (address families, result types) do not count."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {alias.name for alias in node.names} - DESCRIBING_NAMES
            found |= {f"{node.module}.{name}" for name in names} | ({node.module} if names else set())
    return found


if __name__ == "__main__":
    sys.exit(main())
