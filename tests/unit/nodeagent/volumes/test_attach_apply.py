"""fsGroup on folders that were there before. Mounting itself is in the lab tests."""

import os
import stat

import pytest

from nodeagent.volumes.apply import VolumeFailed
from nodeagent.volumes.attach_apply import attach_folder, give_to_group


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def test_a_folder_is_given_to_the_group_with_all_below_it(tmp_path):
    inner = tmp_path / "d"
    inner.mkdir(mode=0o700)
    (inner / "plain").write_text("x")
    (inner / "plain").chmod(0o600)
    (inner / "program").write_text("x")
    (inner / "program").chmod(0o700)
    (inner / "link").symlink_to("/nowhere")
    give_to_group(str(tmp_path), os.getgid(), "Always")
    assert mode(inner) == 0o2770
    assert (mode(inner / "plain"), mode(inner / "program")) == (0o660, 0o770)


def test_a_top_that_is_right_may_speak_for_the_rest(tmp_path):
    (tmp_path / "plain").write_text("x")
    (tmp_path / "plain").chmod(0o600)
    os.chmod(tmp_path, 0o2770)
    give_to_group(str(tmp_path), os.getgid(), "OnRootMismatch")
    assert mode(tmp_path / "plain") == 0o600
    give_to_group(str(tmp_path), os.getgid(), "")
    assert mode(tmp_path / "plain") == 0o660


def test_a_folder_that_is_not_there_fails(tmp_path):
    with pytest.raises(VolumeFailed, match="does not exist on this node"):
        attach_folder(str(tmp_path / "none"), str(tmp_path / "target"))
