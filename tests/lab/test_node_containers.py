"""Containers of one node as their users see them: logs, exec, restarts, endings."""

import json
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from netns_fixtures.cluster_run import Cluster
from tests.lab.node_workload import Workload
from tests.patience import until

pytestmark = pytest.mark.lab
TICK = "i=0; while true; do i=$((i+1)); echo tick $i; sleep 0.2; done"
# A shell as first process ignores SIGTERM unless it says otherwise.
TRAP = "trap 'echo told; exit 0' TERM; "


@pytest.fixture(scope="module")
def work(lab: Cluster) -> Iterator[Workload]:
    with Workload.on(lab, "containers") as workload:
        yield workload


def shell(script: str) -> dict[str, object]:
    return {"command": ["sh", "-c", script]}


# --- logs


def test_logs_by_lines_times_and_streams(work: Workload) -> None:
    script = "for i in 1 2 3 4; do echo out $i; echo err $i >&2; done; sleep 0.3; printf half; sleep 100"
    work.run("logs", shell(TRAP + script.replace("sleep 100", "while true; do sleep 0.1; done")))
    until(lambda: work.logs("logs").count("\n") >= 8 and "half" in work.logs("logs"), "all is written")
    assert sorted(work.logs("logs").split("\n")[:8]) == sorted(
        f"{s} {i}" for i in range(1, 5) for s in ("out", "err")
    )
    assert work.logs("logs", "--tail=2") in {"err 4\nhalf", "out 4\nhalf"}
    first = work.logs("logs", "--timestamps").split()[0]
    assert first.startswith("20")
    assert "T" in first
    assert work.logs("logs", f"--since-time={first}").count("\n") >= 8
    assert work.logs("logs", "--limit-bytes=3") in {"out", "err"}


def test_following_a_log_ends_with_its_container(work: Workload) -> None:
    work.apply(
        work.pod("follow", shell("for i in 1 2 3 4 5; do echo $i; sleep 0.2; done"), restartPolicy="Never")
    )
    until(lambda: work.status("follow").get("containerID"), "it was started")
    assert work.logs("follow", "-f").split() == ["1", "2", "3", "4", "5"]  # kubectl would not end of itself


def test_the_log_of_the_run_before_is_kept(work: Workload) -> None:
    script = f"if [ -e /d/x ]; then echo second; {TRAP}{TICK}; fi; touch /d/x; echo first; exit 3"
    main = {**shell(script), "volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    work.apply(work.pod("previous", main, volumes=[{"name": "d", "emptyDir": {}}]))
    until(
        lambda: (
            work.status("previous").get("restartCount") == 1 and "running" in work.status("previous")["state"]
        ),
        "it was restarted",
    )
    assert work.logs("previous", "--previous") == "first\n"
    assert work.logs("previous").startswith("second\n")
    last = work.status("previous")["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")


def test_a_log_that_is_not_there_yet_says_why(work: Workload) -> None:
    work.apply(work.pod("nologs", {"image": "reg.invalid/none:1"}))
    until(
        lambda: (
            work.status("nologs").get("state", {}).get("waiting", {}).get("reason")
            in {"ErrImagePull", "ImagePullBackOff"}
        ),
        "the pull failed",
    )
    done = work.kubectl("logs", "nologs", check=False)
    assert 'container "main" in pod "nologs" is waiting to start' in done.stderr
    message = work.status("nologs")["state"]["waiting"]["message"]
    assert "klab image import" in message


# --- exec, attach, cp, port-forward


def test_exec_passes_streams_and_exit_codes(work: Workload) -> None:
    work.run("exec")
    done = work.kubectl("exec", "exec", "--", "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
    assert (done.stdout, done.code) == ("out\n", 7)
    assert "err" in done.stderr
    assert (
        work.kubectl("exec", "-i", "exec", "--", "wc", "-c", stdin=b"x" * 100_000).stdout.strip() == "100000"
    )
    absent = work.kubectl("exec", "exec", "--", "nothing", check=False)
    assert (absent.code, "not found" in absent.stderr) == (127, True)


def test_exec_with_a_terminal(work: Workload) -> None:
    work.run("tty")
    # kubectl tells the size when the program runs already.
    told = "until stty size 2>/dev/null | grep 99; do sleep 0.1; done"
    script = f"kubectl -n {work.namespace} exec -it tty -- sh -c 'tty; {told}; echo done'"
    environment = {
        "KUBECONFIG": str(work.cluster.folder.kubeconfig),
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
    }
    done = subprocess.run(
        ["script", "-qec", f"stty rows 33 cols 99; {script}", "/dev/null"],
        env=environment, capture_output=True, timeout=120, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert b"/dev/pts/0" in done.stdout
    assert b"33 99" in done.stdout


def test_attach_joins_the_running_process(work: Workload) -> None:
    echo = "while read line; do echo got $line; done; echo end; sleep 1"
    work.run("attach", {**shell(echo), "stdin": True, "stdinOnce": True})
    done = work.kubectl("attach", "-i", "attach", stdin=b"one\ntwo\n")
    assert "got one\ngot two\n" in done.stdout


def test_files_are_copied_in_and_out(work: Workload, tmp_path) -> None:
    work.run("copy")
    (tmp_path / "in").write_bytes(b"\x00\xff" * 50_000)
    work.kubectl("cp", str(tmp_path / "in"), "copy:/tmp/there")
    work.kubectl("cp", "copy:/tmp/there", str(tmp_path / "out"))
    assert (tmp_path / "out").read_bytes() == b"\x00\xff" * 50_000


def test_ports_are_forwarded_to_the_pods_own_localhost(work: Workload) -> None:
    work.run("forward")
    environment = {
        "KUBECONFIG": str(work.cluster.folder.kubeconfig),
        "PATH": "/usr/bin:/bin",
        "HOME": "/nonexistent",
    }
    child = subprocess.Popen(
        ["kubectl", "-n", work.namespace, "port-forward", "pod/forward", ":8080"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert child.stdout is not None
        port = child.stdout.readline().split(":")[1].split()[0]
        for _ in range(3):
            got = subprocess.run(
                ["curl", "-s", f"http://127.0.0.1:{port}/"],
                capture_output=True,
                text=True,
                check=True,
                timeout=120,
            )
            assert got.stdout == "forward\n"
    finally:
        child.kill()
        child.communicate()


# --- restarts and endings


def test_a_killed_process_is_started_again(work: Workload) -> None:
    before = work.run("killed")["status"]["containerStatuses"][0]["containerID"]
    pid = work.on_node_sh(
        f"cat /run/podnet/pods/{work.get('killed')['metadata']['uid']}/c/main.0/pid"
    ).strip()
    work.on_node("kill", "-9", pid)
    until(lambda: work.status("killed").get("restartCount") == 1, "it was restarted")
    after = work.ready("killed")["status"]["containerStatuses"][0]
    assert after["containerID"] != before
    assert after["lastState"]["terminated"]["exitCode"] == 137


def test_a_crashing_container_backs_off(work: Workload) -> None:
    work.apply(work.pod("crash", shell("exit 5")))

    def waits() -> dict[str, str] | None:
        waiting = work.status("crash").get("state", {}).get("waiting", {})
        return waiting if waiting.get("reason") == "CrashLoopBackOff" else None

    waiting = until(waits, "it backs off")
    assert re.match(r"back-off [124]0s restarting failed container=main pod=crash_", waiting["message"])


def test_a_command_that_does_not_exist_is_a_start_error(work: Workload) -> None:
    work.apply(work.pod("nocommand", {"command": ["nothing"]}, restartPolicy="Never"))
    until(lambda: work.get("nocommand")["status"]["phase"] == "Failed", "it has failed")
    state = work.status("nocommand")["state"]["terminated"]
    assert (state["reason"], state["exitCode"]) == ("StartError", 128)
    assert 'exec: "nothing": executable file not found' in state["message"]


def test_a_pod_that_is_done_leaves_its_last_words_and_gives_its_address_back(work: Workload) -> None:
    work.apply(work.pod("done", shell("echo 42 > /dev/termination-log"), restartPolicy="OnFailure"))
    until(lambda: work.get("done")["status"]["phase"] == "Succeeded", "it is done")
    assert work.status("done")["state"]["terminated"]["message"] == "42\n"
    uid = work.get("done")["metadata"]["uid"]
    until(
        lambda: not work.on_node_sh(f"ls /run/podnet/pods/{uid}/ns 2>/dev/null", check=False),
        "its namespaces are gone",
    )
    assert work.logs("done") == ""


def test_preStop_runs_before_the_signal_and_both_within_the_grace_period(work: Workload) -> None:  # noqa: N802
    hook = {"preStop": {"exec": {"command": ["sh", "-c", "echo hook > /proc/1/fd/1; sleep 0.5"]}}}
    work.run("hook", {**shell(TRAP + TICK), "lifecycle": hook})
    follow = subprocess.Popen(
        ["kubectl", "-n", work.namespace, "logs", "-f", "hook"],
        env={"KUBECONFIG": str(work.cluster.folder.kubeconfig), "PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert follow.stdout is not None
    assert follow.stdout.readline().startswith("tick")  # it follows
    work.delete("hook")
    output, _ = follow.communicate(timeout=120)
    lines = output.split("\n")
    assert lines.index("hook") < lines.index("told")


def test_a_process_that_ignores_its_signal_is_killed_after_the_grace_period(work: Workload) -> None:
    work.run(
        "stubborn", shell("trap '' TERM; while true; do sleep 0.1; done"), terminationGracePeriodSeconds=1
    )
    started_s = time.monotonic()
    work.delete("stubborn")
    assert time.monotonic() - started_s >= 1
    until(lambda: any(reason == "Killing" for reason, _ in work.events("stubborn")), "an event says so")


def test_a_forced_deletion_does_not_wait_for_the_process(work: Workload) -> None:
    work.run(
        "forced", shell("trap '' TERM; while true; do sleep 0.1; done"), terminationGracePeriodSeconds=600
    )
    uid = work.get("forced")["metadata"]["uid"]
    work.delete("forced", "--force", "--grace-period=0")
    until(lambda: uid not in work.on_node_sh("ls /run/podnet/pods"), "it is gone from the node too")


def test_init_containers_come_first_and_sidecars_last(work: Workload) -> None:
    log = {"volumeMounts": [{"name": "d", "mountPath": "/d"}]}
    inits = [
        {"name": "one", "image": "podnet/toolbox", **shell("echo one >> /d/log"), **log},
        {"name": "side", "image": "podnet/toolbox", "restartPolicy": "Always", **log,
         **shell("echo side >> /d/log; trap 'exit 0' TERM; while true; do sleep 0.1; done")},
        {"name": "two", "image": "podnet/toolbox", **shell("echo two >> /d/log"), **log},
    ]  # fmt: skip
    main = {**shell("echo main >> /d/log; cat /d/log"), **log}
    work.apply(
        work.pod(
            "order",
            main,
            initContainers=inits,
            restartPolicy="Never",
            volumes=[{"name": "d", "emptyDir": {}}],
        )
    )
    until(lambda: work.get("order")["status"]["phase"] == "Succeeded", "it is done")
    assert work.logs("order", "-c", "main").split() == ["one", "side", "two", "main"]


def test_the_active_deadline_ends_a_pod(work: Workload) -> None:
    work.apply(work.pod("late", shell(TRAP + TICK), activeDeadlineSeconds=1, restartPolicy="Never"))
    until(lambda: work.get("late")["status"]["phase"] == "Failed", "it was ended")
    assert work.get("late")["status"]["reason"] == "DeadlineExceeded"


# --- probes


def test_readiness_follows_the_probe(work: Workload) -> None:
    probe = {"exec": {"command": ["test", "-e", "/tmp/ok"]}, "periodSeconds": 1, "failureThreshold": 1}
    work.apply(work.pod("readiness", {"readinessProbe": probe}))
    until(lambda: "running" in work.status("readiness").get("state", {}), "it runs")
    assert work.status("readiness")["ready"] is False
    work.sh("readiness", "touch /tmp/ok")
    work.ready("readiness")
    work.sh("readiness", "rm /tmp/ok")
    until(lambda: work.status("readiness")["ready"] is False, "it is not ready any more")


@pytest.mark.parametrize(
    "probe",
    [{"httpGet": {"port": "web", "path": "/x"}}, {"tcpSocket": {"port": 8080}}],
    ids=["http", "tcp"],
)
def test_probes_over_the_network(work: Workload, probe) -> None:
    name = "probe-" + next(iter(probe)).lower()
    ports = [{"name": "web", "containerPort": 8080}]
    work.run(name, {"ports": ports, "readinessProbe": {**probe, "periodSeconds": 1}})


def test_a_failed_liveness_probe_restarts_the_container(work: Workload) -> None:
    probe = {"tcpSocket": {"port": 9}, "periodSeconds": 1, "failureThreshold": 1}
    work.apply(work.pod("liveness", {"livenessProbe": probe}))
    until(lambda: work.status("liveness").get("restartCount", 0) >= 1, "it was restarted")
    until(
        lambda: {"Unhealthy", "Killing"} <= {reason for reason, _ in work.events("liveness")},
        "events say why",
    )


def test_a_startup_probe_holds_the_others_back(work: Workload) -> None:
    startup = {
        "exec": {"command": ["test", "-e", "/tmp/up"]},
        "periodSeconds": 1,
        "timeoutSeconds": 60,
        "failureThreshold": 300,
    }
    liveness = {**startup, "failureThreshold": 1}
    work.apply(
        work.pod(
            "startup",
            {
                **shell("sleep 2; touch /tmp/up; " + TRAP + TICK),
                "startupProbe": startup,
                "livenessProbe": liveness,
            },
        )
    )
    work.ready("startup")
    assert work.status("startup")["restartCount"] == 0
    assert work.status("startup")["started"] is True


# --- the agent


def agent_pid(work: Workload) -> str:
    script = "for p in /proc/[0-9]*; do grep -qsa 'bin/knod[e]' $p/cmdline && basename $p; done; true"
    return next(iter(work.on_node_sh(script).split()), "")


def test_the_end_of_the_agent_harms_no_container(work: Workload) -> None:
    before = work.run("survivor", shell(TRAP + TICK))["status"]["containerStatuses"][0]
    work.apply(work.pod("short", shell("sleep 1; exit 4"), restartPolicy="Never"))
    until(lambda: {"running", "terminated"} & work.status("short").get("state", {}).keys(), "it runs")
    started = work.sh("survivor", "cut -d' ' -f22 /proc/1/stat")
    old = agent_pid(work)
    work.on_node("kill", "-9", old)
    until(lambda: agent_pid(work) not in {"", old}, "the agent was started again")
    assert (
        until(lambda: work.sh("survivor", "cut -d' ' -f22 /proc/1/stat", check=False), "exec works again")
        == started
    )
    after = work.status("survivor")
    assert (after["containerID"], after["restartCount"]) == (before["containerID"], 0)
    until(lambda: work.get("short")["status"]["phase"] == "Failed", "what ended meanwhile was noticed")
    assert work.status("short")["state"]["terminated"]["exitCode"] == 4
    first = work.logs("survivor", "--tail=1")
    until(lambda: work.logs("survivor", "--tail=1") != first, "the log goes on")


def test_a_pod_deleted_while_the_agent_was_away_is_removed(work: Workload) -> None:
    uid = work.run("orphan")["metadata"]["uid"]
    pid = agent_pid(work)
    work.on_node("kill", "-STOP", pid)
    work.delete("orphan", "--force", "--grace-period=0", "--wait=false")
    work.on_node("kill", "-9", pid)
    until(lambda: uid not in work.on_node_sh("ls /run/podnet/pods"), "nothing of it is left")


def test_nothing_of_a_deleted_pod_is_left_on_the_node(work: Workload) -> None:
    pod = work.run(
        "gone",
        {"resources": {"limits": {"memory": "64Mi"}}},
        volumes=[{"name": "m", "emptyDir": {"medium": "Memory"}}],
    )
    uid, address = pod["metadata"]["uid"], pod["status"]["podIP"]
    assert uid in work.on_node_sh("cat /proc/self/mountinfo")
    work.delete("gone")
    places = "/run/podnet/pods /var/lib/podnet/pods /run/podnet/oci"
    listing = f"cat /proc/self/mountinfo; ls {places}; ls -d /sys/fs/cgroup/*/podnet/*/*"
    until(lambda: uid not in work.on_node_sh(listing, check=False), "nothing of it is left")
    assert uid not in work.on_node_sh("ls /var/lib/cni/results")
    assert not work.on_node_sh(f"ip neigh show | grep -w '{address}.*REACHABLE'", check=False)


def test_a_pod_is_ready_soon_after_its_creation(work: Workload) -> None:
    took_ms = []
    for number in range(5):
        started_s = time.monotonic()
        work.apply(work.pod(f"quick{number}"))
        work.ready(f"quick{number}")
        took_ms.append((time.monotonic() - started_s) * 1000)
    assert min(took_ms) < 5000, json.dumps(
        took_ms
    )  # half a second where nothing else runs, with two kubectl processes in it
