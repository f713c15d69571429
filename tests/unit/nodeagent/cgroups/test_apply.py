"""Writing limits into folders that look like the kernel's."""

from nodeagent.cgroups.apply import is_v2, limit, make, missing_controllers, remove
from nodeagent.cgroups.plan import Limits


def test_version_1_has_a_folder_for_each_controller(tmp_path):
    for name in ("cpu", "memory"):
        (tmp_path / name / "p").mkdir(parents=True)
        (tmp_path / name / "p" / "q").mkdir()
    limit_file = tmp_path / "memory" / "p" / "q" / "memory.limit_in_bytes"
    limit_file.write_text("5")
    top = str(tmp_path)
    assert not is_v2(top)
    assert missing_controllers(top) == ("pids",)
    limit("/p/q", Limits(memory_bytes=77), top)
    assert "77" in limit_file.read_text()
    limit_file.unlink()
    remove("/p/q", top)
    assert not (tmp_path / "cpu" / "p" / "q").exists()


def test_version_2_hands_its_controllers_down(tmp_path):
    top = str(tmp_path)
    for folder in (tmp_path, tmp_path / "p"):
        folder.mkdir(exist_ok=True)
        (folder / "cgroup.controllers").write_text("cpu memory io\n")
    assert is_v2(top)
    assert missing_controllers(top) == ("pids",)
    make("/p/q", Limits(), top)
    assert (tmp_path / "p" / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert (tmp_path / "p" / "q").is_dir()
