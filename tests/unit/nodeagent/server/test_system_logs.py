import asyncio
from pathlib import Path

import pytest

from nodeagent.server import system_logs_disk
from nodeagent.server.rights import needed
from nodeagent.server.routes import SystemLogs, parse_target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    logs = tmp_path / "log"
    (logs / "pods").mkdir(parents=True)
    (logs / "a <b>.log").write_bytes(b"x" * 70_000)
    (tmp_path / "secret").write_text("secret")
    (logs / "leads-out").symlink_to(tmp_path / "secret")
    (logs / "leads-in").symlink_to("a <b>.log")
    return logs


def read(descriptor: str | int) -> bytes:
    assert isinstance(descriptor, int)

    async def main() -> bytes:
        return b"".join([piece async for piece in system_logs_disk.chunks(descriptor)])

    return asyncio.run(main())


def test_a_path_below_logs_is_a_system_log() -> None:
    assert parse_target("/logs/")[0] == SystemLogs("")
    assert parse_target("/logs/pods/a%20b?x=y")[0] == SystemLogs("pods/a b")
    asked = [row["subresource"] for row in needed("n", "GET", SystemLogs(""))]
    assert asked == ["log", "proxy"]


def test_a_folder_is_listed_with_links(folder: Path) -> None:
    page = system_logs_disk.open_log("", str(folder))
    assert isinstance(page, str)
    assert '<a href="a%20%3Cb%3E.log">a &lt;b&gt;.log</a>' in page
    assert '<a href="pods/">pods/</a>' in page


def test_a_file_is_sent_whole(folder: Path) -> None:
    for name in ("a <b>.log", "leads-in"):
        assert read(system_logs_disk.open_log(name, str(folder))) == b"x" * 70_000


@pytest.mark.parametrize("path", ["absent", "leads-out", "../secret", "pods/../../secret", "/../secret"])
def test_nothing_outside_is_shown(folder: Path, path: str) -> None:
    with pytest.raises(FileNotFoundError):
        system_logs_disk.open_log(path, str(folder))
