import os
import stat

import pytest

from nodeagent.volumes.apply import VolumeFailed, check_host_path, make_empty_dir, sub_path, write_files
from nodeagent.volumes.files import File


def test_content_changes_all_at_once_and_only_when_it_differs(tmp_path):
    volume = str(tmp_path / "v")
    assert write_files(volume, {"a": File(b"1"), "d/b": File(b"2", 0o600)}, None)
    first = os.readlink(f"{volume}/..data")
    assert not write_files(volume, {"a": File(b"1"), "d/b": File(b"2", 0o600)}, None)
    assert os.readlink(f"{volume}/..data") == first
    assert write_files(volume, {"a": File(b"3")}, None)
    assert sorted(os.listdir(volume)) == sorted(["..data", os.readlink(f"{volume}/..data"), "a"])
    assert (tmp_path / "v" / "a").read_bytes() == b"3"


def test_what_a_dead_agent_left_half_made_is_swept_away(tmp_path):
    volume = tmp_path / "v"
    (volume / "..half").mkdir(parents=True)
    (volume / "..data_new").symlink_to("..half")
    assert write_files(str(volume), {"a": File(b"1")}, None)
    assert sorted(os.listdir(volume)) == sorted(["..data", os.readlink(volume / "..data"), "a"])
    assert (volume / "a").read_bytes() == b"1"


def test_a_path_may_not_leave_its_volume(tmp_path):
    volume = tmp_path / "v"
    volume.mkdir()
    (volume / "out").symlink_to("/etc")
    with pytest.raises(VolumeFailed, match="outside"):
        sub_path(str(volume), "out/x")
    with pytest.raises(VolumeFailed, match="must not contain"):
        sub_path(str(volume), "../x")
    with pytest.raises(VolumeFailed, match="absolute"):
        sub_path(str(volume), "/x")
    with pytest.raises(VolumeFailed, match="outside"):
        write_files(str(volume), {"../../x": File(b"")}, None)


def test_a_sub_path_that_is_made_may_be_used_by_whom_the_volume_may(tmp_path):
    volume = tmp_path / "v"
    volume.mkdir()
    volume.chmod(0o2777)
    assert sub_path(str(volume), "new/dir") == str(volume / "new" / "dir")
    assert [stat.S_IMODE(p.stat().st_mode) for p in (volume / "new", volume / "new" / "dir")] == [
        0o2777,
        0o2777,
    ]


def test_host_paths_are_made_or_checked(tmp_path):
    check_host_path(str(tmp_path / "d"), "DirectoryOrCreate")
    check_host_path(str(tmp_path / "f"), "FileOrCreate")
    check_host_path(str(tmp_path / "d"), "Directory")
    with pytest.raises(VolumeFailed, match="is not a file"):
        check_host_path(str(tmp_path / "d"), "File")
    with pytest.raises(VolumeFailed, match="is not a directory"):
        check_host_path(str(tmp_path / "absent"), "Directory")


def test_an_empty_dir_appears_with_its_mode_and_keeps_what_its_users_made_of_it(tmp_path):
    folder = tmp_path / "v"
    (tmp_path / "v.new").mkdir(mode=0o700)  # of an agent that died
    make_empty_dir(str(folder), memory=False, size_bytes=None, group=None)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777
    folder.chmod(0o700)
    make_empty_dir(str(folder), memory=False, size_bytes=None, group=None)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    make_empty_dir(str(tmp_path / "g"), memory=False, size_bytes=None, group=os.getgid())
    assert stat.S_IMODE((tmp_path / "g").stat().st_mode) == 0o2777
