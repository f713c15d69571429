"""`make layout`: what it finds in a tree that breaks the rules, and that this one keeps them is its own run."""

from pathlib import Path

import pytest

from tools.check_layout import check


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("dns/names.py", "import socket\n", "dns/names.py: imports socket"),
        ("dns/answer_disk.py", "import sqlite3\n", ""),
        ("dns/utils.py", "", "dns/utils.py: a module is a noun"),
        ("dns/zones.py", "class ZoneManager: ...\n", "dns/zones.py: class ZoneManager"),
        ("dns/long.py", "x = 1\n" * 401, "dns/long.py: 401 lines"),
    ],
)
def test_a_module_keeps_to_its_name(tmp_path: Path, name: str, text: str, said: str) -> None:
    found = list(check(written(tmp_path, {name: text})))
    assert [breach.startswith(said) for breach in found] == [True] * bool(said)


@pytest.mark.parametrize(
    "said",
    [
        "[zones](../dns/README.md#limits)",
        "`dns/zones.py`",
        "`zones.py`",
        "`../dns/`",
        "`dns/*.py`",
        "[RFC](https://www.rfc-editor.org/rfc/rfc1035)",
        "`NAME/plan.py` of each, and/or `/etc/hosts`",
    ],
)
def test_a_page_may_name_what_is_there(tmp_path: Path, said: str) -> None:
    written(tmp_path, {"dns/README.md": "", "dns/zones.py": "", "docs/page.md": said})
    assert list(check(tmp_path)) == []


@pytest.mark.parametrize("said", ["[x](../dns/gone.md)", "`dns/gone/`", "`gone.py`", "`../gone/zones`"])
def test_a_page_that_names_what_is_gone_is_told(tmp_path: Path, said: str) -> None:
    written(tmp_path, {"dns/README.md": "", "docs/page.md": said})
    assert ["docs/page.md" in breach and "is not there" in breach for breach in check(tmp_path)] == [True]
