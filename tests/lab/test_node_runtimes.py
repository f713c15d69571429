"""The trial start finds a runtime that works, whatever the node's mount namespace shows of the cgroup tree."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from linux import libc, mounts, netns, process
from nodeagent.images.builtin.apply import find_busybox
from nodeagent.runtime.apply import trial_start
from nodeagent.runtime.trial import NoRuntime, Verdict, candidates, choose

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(not shutil.which("runc"), reason="runc is not installed on this machine"),
]
CGROUPS = "/sys/fs/cgroup"


def chosen(tmp_path: Path, arrange: Callable[[], None], wanted: str = "auto") -> Verdict:
    """The verdict inside a mount and a cgroup namespace of its own, after `arrange`."""

    def inside() -> Verdict:
        libc.unshare(libc.CLONE_NEWNS | libc.CLONE_NEWCGROUP)
        mounts.make_private("/")
        arrange()
        busybox = find_busybox()
        return choose(
            candidates(wanted, process.find), lambda each: trial_start(each, str(tmp_path), busybox), wanted
        )

    return netns.in_thread(inside)


def read_only() -> None:
    for entry in [each for each in mounts.mounts("thread-self") if each.target.startswith(CGROUPS)]:
        mounts.mount("", entry.target, None, mounts.MS_BIND | mounts.MS_REMOUNT | mounts.MS_RDONLY)


def hidden() -> None:
    mounts.mount("none", CGROUPS, "tmpfs")


def without_unified() -> None:
    mounts.umount(f"{CGROUPS}/unified", lazy=True)


def test_runc_takes_the_layout_of_this_machine(tmp_path):
    verdict = chosen(tmp_path, lambda: None)
    assert (verdict.candidate.name, verdict.candidate.cgroups, verdict.note) == ("runc", True, "")
    assert os.listdir(tmp_path) == []
    assert not [path for path in Path(CGROUPS).glob("*/*trial*") if f"-{os.getpid()}-" in path.name]


def test_a_read_only_tree_means_no_limits_and_is_said(tmp_path):
    verdict = chosen(tmp_path, read_only)
    assert verdict.candidate.cgroups is False
    assert "without cgroup limits" in verdict.note


@pytest.mark.skipif(not shutil.which("crun"), reason="crun is not installed on this machine")
def test_a_hidden_tree_leaves_crun(tmp_path):
    verdict = chosen(tmp_path, hidden)
    assert (verdict.candidate.name, verdict.candidate.cgroups) == ("crun", False)


@pytest.mark.skipif(
    not shutil.which("crun") or not os.path.ismount(f"{CGROUPS}/unified"),
    reason="this machine has no crun, or no hybrid cgroup layout",
)
def test_crun_takes_a_hybrid_layout_once_its_unified_part_is_hidden(tmp_path):
    assert chosen(tmp_path, without_unified, "crun").candidate.cgroups is True
    with pytest.raises(NoRuntime, match="hybrid"):
        chosen(tmp_path, lambda: None, "crun")
