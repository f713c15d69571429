"""mountinfo lines as values."""

from linux.mounts import Mount, is_mount_point, mounts, parse_mountinfo

TEXT = """\
41 31 0:36 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate
50 31 0:4 net:[4026532281] /run/netns/a\\040b rw shared:26 - nsfs nsfs rw
51 31 0:5 / /plain ro - tmpfs tmp\\134fs rw,size=1k
"""


def test_lines_with_and_without_tags_and_with_escapes():
    assert parse_mountinfo(TEXT) == (
        Mount(41, 31, "/", "/sys/fs/cgroup", "rw,relatime", "cgroup2", "cgroup2", "rw,nsdelegate"),
        Mount(50, 31, "net:[4026532281]", "/run/netns/a b", "rw", "nsfs", "nsfs", "rw"),
        Mount(51, 31, "/", "/plain", "ro", "tmpfs", "tmp\\fs", "rw,size=1k"),
    )


def test_proc_is_mounted_here():
    assert any(entry.target == "/proc" and entry.kind == "proc" for entry in mounts())
    assert is_mount_point("/proc")
    assert not is_mount_point("/proc/self/status")
