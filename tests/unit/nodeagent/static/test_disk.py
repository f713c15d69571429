"""The manifest folder."""

import json
import os

from nodeagent.static.disk import Folder


def write(path, *names, kind="Pod"):
    bodies = [
        {"apiVersion": "v1", "kind": kind, "metadata": {"name": n}, "spec": {"containers": [{"name": "c"}]}}
        for n in names
    ]
    path.write_text("\n---\n".join(json.dumps(body) for body in bodies))


def names(folder):
    return sorted(static.pod.metadata.name for static in folder.pods().values())


def test_files_come_change_and_go(tmp_path):
    folder = Folder(str(tmp_path / "m"), "n1")
    assert folder.pods() == {}
    (tmp_path / "m").mkdir()
    write(tmp_path / "m" / "a.yaml", "one", "two")
    write(tmp_path / "m" / ".b.yaml", "hidden")
    write(tmp_path / "m" / "c.bak", "old")
    assert names(folder) == ["one-n1", "two-n1"]
    before = folder.pods()
    assert folder.pods() == before
    write(tmp_path / "m" / "a.yaml", "one")
    assert names(folder) == ["one-n1"]
    os.unlink(tmp_path / "m" / "a.yaml")
    assert folder.pods() == {}


def test_a_bad_file_does_not_hide_the_others(tmp_path):
    write(tmp_path / "a.yaml", "bad", kind="Service")
    (tmp_path / "b.json").write_text("{")
    write(tmp_path / "c.json", "good")
    assert names(Folder(str(tmp_path), "n1")) == ["good-n1"]
