"""An agent that is killed in the midst of its work: the next one finishes it, and in the end nothing is left.

Every effect of a pod's start and end is a point to die at (see node_fault_agent). The suite takes some of them,
`PODNET_ALL_FAULTS=1` all, `PODNET_ALL_FAULTS=40` those from the 40th on.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netns_fixtures import members_run
from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab
FIRST = int(os.environ.get("PODNET_ALL_FAULTS", "0"))
_ROOT = Path(__file__).resolve().parents[2]
_POINTS_MAX = 200
_AGENT_S = 120.0  # an agent starts first, on a machine that may be busy


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "faults") as workload:
        workload.apply(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "cfg"}, "data": {"a": "1"}}
        )
        yield workload


class FaultyAgent:
    """Stands in for the node's own agent, which its init does not start again meanwhile."""

    def __init__(self, work: Workload, gate: Path) -> None:
        cluster = work.cluster
        self._member = cluster.lab.member(work.node)
        pid = members_run.find(cluster.folder, self._member)
        assert pid is not None
        self._init = pid
        commands = json.loads((cluster.folder.root / f"{work.node}.commands.json").read_bytes())
        self._argv = next(entry["argv"] for entry in commands if entry["name"] == "knode")
        self._gate = gate
        self._log = open(cluster.folder.logs / work.node / "knode-faults.log", "ab")  # noqa: SIM115  kept for all runs
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, point: int) -> None:
        program = str(Path(__file__).with_name("node_fault_agent.py"))
        argv = [sys.executable, program, str(self._gate), str(point), *self._argv]
        self._process = subprocess.Popen(
            members_run.exec_argv(self._init, self._member, argv),
            stdout=self._log,
            stderr=self._log,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )

    def died(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def stop(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(60)
        self._log.close()


def agent_pids(work: Workload) -> list[str]:
    script = "for p in /proc/[0-9]*; do grep -qsa 'bin/knod[e]' $p/cmdline && basename $p; done; true"
    return work.on_node_sh(script).split()


@contextmanager
def faulty(work: Workload, gate: Path) -> Iterator[FaultyAgent]:
    """The node's init is stopped, so that its agent stays away; afterwards all is as it was."""
    agent = FaultyAgent(work, gate)
    os.kill(agent._init, signal.SIGSTOP)
    try:
        for pid in agent_pids(work):
            work.on_node("kill", "-9", pid)
        yield agent
    finally:
        agent.stop()
        for pid in agent_pids(
            work
        ):  # what nsenter started outlives it, and would serve beside the node's own
            work.on_node("kill", "-9", pid, check=False)
        until(lambda: not agent_pids(work), "the agent with a fault is gone")
        os.kill(agent._init, signal.SIGCONT)
        page = ("get", "--raw", f"/api/v1/nodes/{work.node}/proxy/healthz")
        until(lambda: work.kubectl(*page, check=False).stdout == "ok", "the node's own agent is back")
        until(lambda: node_is_ready(work), "the node is ready")


def node_is_ready(work: Workload) -> bool:
    conditions = json.loads(work.kubectl("get", "node", work.node, "-o", "json").stdout)["status"][
        "conditions"
    ]
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def pod(work: Workload, name: str) -> dict[str, object]:
    limits = {"limits": {"memory": "64Mi", "cpu": "500m"}}
    volumes = [{"name": "c", "configMap": {"name": "cfg"}}, {"name": "m", "emptyDir": {"medium": "Memory"}}]
    mounts = [{"name": "c", "mountPath": "/c"}, {"name": "m", "mountPath": "/m"}]
    return work.pod(
        name,
        {"resources": limits, "volumeMounts": mounts},
        volumes=volumes,
        terminationGracePeriodSeconds=1,
        tolerations=[{"operator": "Exists"}],  # however long its node seems away, it stays
    )


def traces(work: Workload) -> set[str]:
    """All that pods leave on the node, by the kernel and the files."""
    listing = work.on_node_sh(
        "ls /run/podnet/pods /var/lib/podnet/pods /run/podnet/oci /var/lib/cni/results 2>/dev/null;"
        " ls /var/lib/cni/networks/podnet | grep -v -e last_reserved -e lock;"
        " grep -o '/run/podnet/pods/[^/ ]*\\|/var/lib/podnet/pods/[^/ ]*' /proc/self/mountinfo;"
        " find /sys/fs/cgroup -maxdepth 5 -type d -path '*podnet*' -name 'pod*-*';"
        " ip -o link show master cni0 | cut -d: -f2;"
        " for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline | grep -o '^/usr/bin/conmon.* -u [^ ]*'; done 2>/dev/null",
        check=False,
    )
    return {word for word in listing.split() if not word.endswith(":")}


def assert_nothing_left(work: Workload, before: set[str]) -> None:
    try:
        until(lambda: traces(work) <= before, "nothing is left")
    except AssertionError:
        assert traces(work) - before == set()


def exists(work: Workload, name: str) -> bool:
    return bool(work.kubectl("get", "pod", name, "--ignore-not-found", "-o", "name").stdout)


def points() -> Iterator[int]:
    yield from range(FIRST, _POINTS_MAX) if FIRST else (1, 5, 11, 19, 28, 37, 50, 58)


def test_a_start_goes_on_wherever_the_agent_died(work: Workload, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    before = traces(work)
    waiting = ""
    with faulty(work, gate) as agent:
        for point in points():
            agent.start(point)
            if waiting:
                until(lambda name=waiting: ready(work, name), f"{waiting} is ready", timeout_s=_AGENT_S)
                work.delete(waiting, "--wait=false")
                until(lambda name=waiting: not exists(work, name), f"{waiting} is gone", timeout_s=_AGENT_S)
            waiting = f"start{point}"
            gate.touch()
            work.apply(pod(work, waiting))
            until(
                lambda name=waiting: agent.died() or ready(work, name),
                f"point {point} is reached or past",
                timeout_s=_AGENT_S,
            )
            gate.unlink()
            if not agent.died():
                break  # no start has so many effects
        if agent.died():
            agent.start(0)
        until(lambda: ready(work, waiting), f"{waiting} is ready", timeout_s=_AGENT_S)
        work.delete(waiting)
        assert_nothing_left(work, before)


def ready(work: Workload, name: str) -> bool:
    conditions = work.get(name)["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def test_an_end_goes_on_wherever_the_agent_died(work: Workload, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    before = traces(work)
    with faulty(work, gate) as agent:
        ending = ""
        for point in points():
            agent.start(point)
            if ending:
                until(lambda name=ending: not exists(work, name), f"{ending} is gone", timeout_s=_AGENT_S)
            ending = f"end{point}"
            work.apply(pod(work, ending))
            work.ready(ending)
            gate.touch()
            work.delete(ending, "--wait=false")
            until(
                lambda name=ending: agent.died() or not exists(work, name),
                f"point {point} is reached or past",
            )
            time.sleep(0.2)  # the API forgets the pod before the last effects
            gate.unlink()
            if not agent.died():
                break
        if agent.died():
            agent.start(0)
        until(lambda: not exists(work, ending), "the last one is gone", timeout_s=_AGENT_S)
        if agent.died():  # at an effect that came behind our look
            agent.start(0)
        assert_nothing_left(work, before)
