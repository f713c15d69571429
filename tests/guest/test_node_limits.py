"""Limits where cgroups are of version 2 only, and what takes a capability that lab machines may lack: run by `make guest`.

Without an API server, which a guest would take minutes to start: what knode tells kernel and OCI runtime is the same.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from linux import mounts, process
from nodeagent.cgroups import apply as cgroups
from nodeagent.cgroups.plan import Limits
from nodeagent.images.builtin.apply import find_busybox
from nodeagent.runtime.apply import OciRuntime, trial_start, write_bundle
from nodeagent.runtime.seccomp import default_filter
from nodeagent.runtime.spec import DEFAULT_CAPABILITIES, Launch, oci_spec
from nodeagent.runtime.trial import candidates, choose
from nodeagent.stats.disk import cgroup_usage
from tests.patience import until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(
        "PODNET_GUEST" not in os.environ, reason="needs a kernel with cgroup v2 alone: run `make guest`"
    ),
]
_POD = "/podnet/guest/pod1"
_POD_LIMITS = Limits(memory_bytes=96 << 20, cpu_shares=512, cpu_quota_us=80_000, pids_max=40)
_OWN_LIMITS = Limits(memory_bytes=48 << 20, cpu_shares=256, cpu_quota_us=50_000)


class Container:
    """One that runs a shell script below the pod's cgroup."""

    def __init__(self, runtime: OciRuntime, folder: Path) -> None:
        self.runtime, self.folder, self.id = runtime, folder, f"c-{folder.name}"
        self.cgroup = f"{_POD}/{self.id}"

    def start(self, script: str, **launch: object) -> None:
        rootfs = self.folder / "rootfs"
        for name in ("bin", "proc", "dev", "sys", "tmp"):
            (rootfs / name).mkdir(parents=True)
        shutil.copy2(find_busybox(), rootfs / "bin" / "busybox")
        what = Launch(
            args=("/bin/busybox", "sh", "-c", script),
            env=("PATH=/bin",),
            cwd="/",
            rootfs=str(rootfs),
            namespaces=tuple((kind, "") for kind in ("pid", "mount", "ipc", "uts")),
            cgroup_path=self.cgroup,
            limits=_OWN_LIMITS,
        )._replace(**launch)
        write_bundle(str(self.folder), oci_spec(what))
        made = self.runtime.create(
            str(self.folder),
            self.id,
            log_path=str(self.folder / "log"),
            tty=False,
            stdin=False,
            stdin_once=False,
        )
        self.pid = made.pid
        self.runtime.start(self.id)

    def file(self, name: str) -> str:
        return Path(f"/sys/fs/cgroup{self.cgroup}/{name}").read_text().strip()

    def proc(self, name: str) -> str:
        return Path(f"/proc/{self.pid}/{name}").read_text()

    def log(self) -> str:
        path = self.folder / "log"
        return path.read_text() if path.exists() else ""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A tmpfs: the guest's own root is an overlay, on which no other may stand."""
    path = Path("/run/node-limits")
    path.mkdir()
    mounts.mount("tmpfs", str(path), "tmpfs")
    yield path
    mounts.umount_tree(str(path))


@pytest.fixture(scope="module")
def runtime(folder: Path) -> OciRuntime:
    verdict = choose(
        candidates("auto", process.find), lambda each: trial_start(each, str(folder), find_busybox()), "auto"
    )
    assert (verdict.candidate.cgroups, verdict.note) == (True, "")
    conmon = process.find("conmon")
    assert conmon, "conmon is not installed: apt-get install -y conmon"
    return OciRuntime(verdict.candidate, str(folder / "oci"), conmon)


@pytest.fixture
def container(runtime: OciRuntime, folder: Path, request: pytest.FixtureRequest) -> Iterator[Container]:
    cgroups.make(_POD, _POD_LIMITS)
    place = folder / str(abs(hash(request.node.name)))
    place.mkdir()
    made = Container(runtime, place)
    yield made
    runtime.delete(made.id)
    until(lambda: not Path(f"/sys/fs/cgroup{made.cgroup}").exists(), "its cgroup is gone")
    cgroups.remove(_POD)
    assert not Path(f"/sys/fs/cgroup{_POD}").exists()


def pod_file(name: str) -> str:
    return Path(f"/sys/fs/cgroup{_POD}/{name}").read_text().strip()


def test_limits_of_pod_and_container_stand_in_the_kernel(container: Container) -> None:
    assert cgroups.is_v2()
    assert cgroups.missing_controllers() == ()
    container.start("sleep 1000")
    assert (container.file("memory.max"), container.file("cpu.max")) == (str(48 << 20), "50000 100000")
    assert int(container.file("cpu.weight")) == 1 + (256 - 2) * 9999 // 262142
    assert (pod_file("memory.max"), pod_file("cpu.max")) == (str(96 << 20), "80000 100000")
    assert (pod_file("pids.max"), pod_file("cpu.weight")) == ("40", str(1 + (512 - 2) * 9999 // 262142))
    usage = cgroup_usage(container.cgroup)
    assert usage.cpu_ns is not None
    assert 0 < (usage.memory_bytes or 0) < 48 << 20
    assert usage.processes == 1


def test_memory_beyond_the_limit_kills(container: Container) -> None:
    container.start("x=a; while true; do x=$x$x; done")
    exit_file = container.folder / "exit"
    until(exit_file.exists, "it was killed")
    assert exit_file.read_text() == "137"
    assert (container.folder / "oom").exists(), "conmon saw why"


def test_processes_beyond_the_limit_are_refused(container: Container) -> None:
    container.start("for i in $(seq 60); do sleep 1000 & done; sleep 1000")
    until(lambda: "fork" in container.log(), "the shell complains")
    assert int(pod_file("pids.current")) <= 40


def test_cpu_beyond_the_quota_is_throttled(container: Container) -> None:
    container.start("while true; do :; done")

    def throttled() -> int:
        words = container.file("cpu.stat").split()
        return int(words[words.index("nr_throttled") + 1])

    until(lambda: throttled() > 3, "it was throttled")


def test_limits_change_while_it_runs(container: Container) -> None:
    container.start("sleep 1000")
    cgroups.limit(container.cgroup, _OWN_LIMITS._replace(memory_bytes=64 << 20, cpu_quota_us=None))
    assert (container.file("memory.max"), container.file("cpu.max")) == (str(64 << 20), "max 100000")


def test_a_guaranteed_container_is_the_last_the_kernel_kills(container: Container) -> None:
    container.start("sleep 1000", oom_score_adj=-997)
    assert container.proc("oom_score_adj").strip() == "-997"


def test_the_default_filter_closes_system_calls(container: Container) -> None:
    script = "unshare -U true; echo status=$?; sleep 1000"
    container.start(script, seccomp=default_filter(DEFAULT_CAPABILITIES))
    until(lambda: "status=" in container.log(), "it has tried")
    assert "not permitted" in container.log()
    assert "Seccomp:\t2" in container.proc("status")
