"""Holds the tree to its rules: I/O only where a module's name says so, nouns for names, sizes, pages that lead somewhere.

Run as `make layout`; prints each breach with the rule and ends with status 1 if there is one.
"""

import ast
import re
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
FOLDERS = (*PACKAGES, "docs", "examples", "tests", "tools")
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)\s]*)?\)")
_QUOTED = re.compile(r"`([\w.*-]+(?:/[\w.*-]+)*/?)`")


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
    yield from _check_pages(root)


def _check_pages(root: Path) -> Iterator[str]:
    """Links, and names of files in backquotes: from the root, from the page's folder, or the end of some path."""
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.suffix != ".pyc"]
    ends = {"/".join(path.parts[-count:]) for path in paths for count in range(1, len(path.parts))}
    for page in sorted({*root.glob("*.md"), *(path for path in paths if path.suffix == ".md")}):
        text, folder = page.read_text(), page.parent
        links = {link for link in _LINK.findall(text) if ":" not in link and not (folder / link).exists()}
        named = {name for name in _QUOTED.findall(text) if _is_ours(name) and not name[0].isupper()}
        lost = {
            name
            for name in named
            if name not in ends and not any(folder.glob(name)) and not any(root.glob(name))
        }
        for name in sorted(links | lost):
            yield f"{page.relative_to(root)}: {name} is not there: say where it is now"


def _is_ours(name: str) -> bool:
    """Whether a quoted name can only be a file of this tree."""
    first = name.split("/", maxsplit=1)[0]
    return name.endswith(".py") or ("/" in name.rstrip("/") and (first in FOLDERS or first == ".."))


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
