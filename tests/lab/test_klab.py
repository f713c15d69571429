"""`klab` from outside: what it leaves behind (nothing), two labs at once, and its errors."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from netns_fixtures import cgroups_apply, members_run, teardown_apply
from netns_fixtures.cluster_run import Cluster
from netns_fixtures.lab_disk import HOME, Folder
from netns_fixtures.topology import host_link_name
from tests.patience import until

pytestmark = pytest.mark.lab
KLAB = str(Path(sys.prefix) / "bin" / "klab")


def klab(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([KLAB, *arguments], capture_output=True, text=True, timeout=400)


def remains(name: str) -> list[str]:
    """Everything on the host that carries the lab's name."""
    found = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/{cgroups_apply.PARENT}/{name}")]
    if (HOME / name).exists():
        found.append(str(HOME / name))
    if host_link_name(name) in os.listdir("/sys/class/net"):
        found.append(host_link_name(name))
    found += [
        line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/klab/{name}/" in line
    ]
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = entry.read_bytes()
        except OSError:
            continue
        if f"/{name}/".encode() in command or f"--name\0{name}\0".encode() in command:
            found.append(command.replace(b"\0", b" ").decode())
    return found


def test_two_labs_do_not_meet_and_leave_nothing() -> None:
    names = (f"one-{os.getpid()}", f"two-{os.getpid()}")
    with Cluster.up(names[0], node_count=1) as one, Cluster.up(names[1], node_count=1, family="ipv4") as two:
        assert not set(one.lab.subnets) & set(two.lab.subnets)
        inside = one.exec(
            one.lab.nodes[0].name, ["ping", "-c1", "-W1", two.lab.nodes[0].addresses[0]], check=False
        )
        assert inside.code != 0
        listing = klab("ls").stdout
        assert names[0] in listing
        assert names[1] in listing
    assert [remains(name) for name in names] == [[], []]


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_labs_of_one_family_become_ready(family: str) -> None:
    with Cluster.up(f"{family}-{os.getpid()}", node_count=2, family=family) as cluster:  # type: ignore[arg-type]
        assert all((":" in node.addresses[0]) == (family == "ipv6") for node in cluster.lab.nodes)


def test_down_removes_a_lab_whose_parts_were_killed() -> None:
    name = f"killed-{os.getpid()}"
    assert klab("up", "--nodes", "2", "--name", name).returncode == 0
    folder = Folder(name)
    lab = folder.read()
    for member in (lab.hub, lab.nodes[0]):
        pid = members_run.find(folder, member)
        assert pid
        os.kill(pid, signal.SIGKILL)
    assert klab("down", "--name", name).returncode == 0
    assert remains(name) == []


def test_a_start_that_was_killed_half_way_is_removed_by_down() -> None:
    name = f"half-{os.getpid()}"
    with subprocess.Popen(
        [KLAB, "up", "--name", name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as up:
        while not (HOME / name / "hub.pid").exists():
            assert up.poll() is None
        up.kill()
    assert klab("down", "--name", name).returncode == 0
    assert remains(name) == []


def test_daemons_that_are_killed_come_back(lab: Cluster) -> None:
    node = lab.lab.nodes[0].name
    before = lab.exec(node, ["pgrep", "-of", "bin/kproxy"]).stdout.strip()
    lab.exec(node, ["kill", "-9", before])

    def is_back() -> bool:
        after = lab.exec(node, ["pgrep", "-of", "bin/kproxy"], check=False).stdout.strip()
        return after not in ("", before)

    until(is_back, "kproxy is back")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("exec", "node-1", "--name", "absent", "--", "true"), "no lab 'absent' is up: start one with"),
        (("kubeconfig", "--name", "absent"), "no lab 'absent' is up"),
        (("up", "--name", "UPPER"), "lab name 'UPPER'"),
        (("up", "--nodes", "0"), "1 to 100 nodes"),
    ],
)
def test_errors_are_one_line_that_says_what_to_do(arguments: tuple[str, ...], message: str) -> None:
    done = klab(*arguments)
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_root_it_says_so() -> None:
    script = "import os, sys; from netns_fixtures.cli import main; os.setuid(65534); sys.exit(main(['ls']))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (
        1,
        "klab: namespaces and links need root: run it as root, e.g. with sudo\n",
    )


def test_down_of_an_absent_lab_succeeds() -> None:
    assert klab("down", "--name", "absent").returncode == 0
    assert teardown_apply.tear_down(Folder("absent")) is False
