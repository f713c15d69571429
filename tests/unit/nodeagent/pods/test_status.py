"""A pod's status from what exists."""

from nodeagent.pods.backoff import Delay
from nodeagent.pods.state import Facts, Health, Waiting
from nodeagent.pods.status import NodeFacts, pod_status
from nodeagent.pods.times import epoch

NODE = NodeFacts(("192.0.2.1", "2001:db8::1"), "runc")
NOW = epoch("2026-01-01T00:00:05Z")


def status_of(pod, runtime, facts=None, now=NOW):
    return pod_status(pod, runtime, facts or Facts(), NODE, now)


def conditions(status):
    return {c["type"]: (c["status"], c.get("reason") or "") for c in status["conditions"]}


def test_a_pod_without_a_sandbox_is_pending_and_creating(pod, runtime):
    status = status_of(pod(), runtime(sandbox=False))
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert "podIP" not in status
    assert conditions(status) == {
        "PodReadyToStartContainers": ("False", ""),
        "Initialized": ("True", ""),
        "Ready": ("False", "ContainersNotReady"),
        "ContainersReady": ("False", "ContainersNotReady"),
        "PodScheduled": ("True", ""),
    }


def test_a_running_pod_is_ready_with_its_addresses(pod, runtime, record):
    status = status_of(pod(), runtime(record()))
    assert (status["phase"], status["podIP"]) == ("Running", "10.244.0.5")
    assert status["podIPs"] == [{"ip": "10.244.0.5"}, {"ip": "fd00::5"}]
    assert status["hostIPs"] == [{"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}]
    assert conditions(status)["Ready"] == ("True", "")
    main = status["containerStatuses"][0]
    assert (main["ready"], main["started"], main["containerID"]) == (True, True, "runc://main-0")


def test_a_container_whose_probe_has_not_answered_is_not_ready(pod, runtime, record):
    facts = Facts(health={"main-0": Health(started=True, ready=False)})
    status = status_of(pod(), runtime(record()), facts)
    assert status["containerStatuses"][0]["ready"] is False
    ready = next(c for c in status["conditions"] if c["type"] == "Ready")
    assert ready["message"] == "containers with unready status: [main]"


def test_between_restarts_a_container_waits_in_a_crash_loop(pod, runtime, record):
    facts = Facts(delays={"main": Delay(20.0, NOW - 10)})
    status = status_of(pod(), runtime(record(attempt=2, code=3)), facts)
    main = status["containerStatuses"][0]
    assert main["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert main["state"]["waiting"]["message"] == (
        "back-off 20s restarting failed container=main pod=web_default(u1)"
    )
    assert main["lastState"]["terminated"]["exitCode"] == 3
    assert (main["restartCount"], status["phase"]) == (2, "Running")


def test_a_restarted_container_shows_how_its_former_run_ended(pod, runtime, record):
    status = status_of(pod(), runtime(record(code=1), record(attempt=1)))
    main = status["containerStatuses"][0]
    assert "running" in main["state"]
    assert main["lastState"]["terminated"]["containerID"] == "runc://main-0"
    assert main["restartCount"] == 1


def test_a_pod_that_is_done_keeps_its_address_and_says_so(pod, runtime, record):
    spec = pod(restartPolicy="Never")
    status = status_of(spec, runtime(record(code=0), torn_down=True))
    assert (status["phase"], status["podIP"]) == ("Succeeded", "10.244.0.5")
    assert conditions(status)["Ready"] == ("False", "PodCompleted")
    assert conditions(status)["PodReadyToStartContainers"] == ("False", "")
    assert status_of(spec, runtime(record(code=2)))["phase"] == "Failed"


def test_a_deleted_pod_whose_containers_ended_is_terminal_whatever_its_policy(pod, runtime, record):
    meta = {"deletionTimestamp": "2026-01-01T00:00:30Z"}
    assert status_of(pod(metadata=meta), runtime(record(code=143)))["phase"] == "Failed"
    assert status_of(pod(metadata=meta), runtime(record(code=0)))["phase"] == "Succeeded"


def test_why_a_container_waits_is_shown(pod, runtime):
    facts = Facts(waiting={"main": Waiting(reason="ErrImagePull", message="no registry")})
    status = status_of(pod(), runtime(), facts)
    waiting = status["containerStatuses"][0]["state"]["waiting"]
    assert waiting == {"reason": "ErrImagePull", "message": "no registry"}


def test_init_containers_hold_the_pod_pending(pod, runtime, record):
    spec = pod(initContainers=[{"name": "init", "image": "i"}])
    status = status_of(spec, runtime(record("init")))
    assert status["phase"] == "Pending"
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == "PodInitializing"
    assert conditions(status)["Initialized"] == ("False", "ContainersNotInitialized")
    done = status_of(spec, runtime(record("init", code=0), record()))
    assert (done["phase"], done["initContainerStatuses"][0]["ready"]) == ("Running", True)


def test_a_transition_time_changes_only_with_its_status(pod, runtime, record):
    before = {"type": "Ready", "status": "True", "lastTransitionTime": "2025-12-31T00:00:00Z"}
    spec = pod(status={"conditions": [before]})
    kept = next(c for c in status_of(spec, runtime(record()))["conditions"] if c["type"] == "Ready")
    assert kept["lastTransitionTime"] == "2025-12-31T00:00:00Z"
    lost = next(c for c in status_of(spec, runtime(record(code=1)))["conditions"] if c["type"] == "Ready")
    assert lost["lastTransitionTime"] == "2026-01-01T00:00:05Z"


def test_a_readiness_gate_keeps_a_pod_with_ready_containers_unready(pod, runtime, record):
    spec = pod(readinessGates=[{"conditionType": "example.com/lb"}])
    status = status_of(spec, runtime(record()))
    assert conditions(status)["Ready"] == ("False", "ReadinessGatesNotReady")
    assert conditions(status)["ContainersReady"] == ("True", "")


def test_an_evicted_pod_fails_with_its_reason(pod, runtime, record):
    facts = Facts(evicted=Waiting(reason="DeadlineExceeded", message="too long"))
    status = status_of(pod(), runtime(record(code=143)), facts)
    assert (status["phase"], status["reason"]) == ("Failed", "DeadlineExceeded")


def test_a_lost_sandbox_shows_the_old_run_as_the_last_one(pod, runtime, record):
    status = status_of(pod(), runtime(record(code=137), sandbox=False))
    main = status["containerStatuses"][0]
    assert main["restartCount"] == 1
    assert main["lastState"]["terminated"]["exitCode"] == 137


def test_resources_in_the_status_are_those_the_container_has(pod, runtime, record):
    new, old = {"requests": {"cpu": "2"}}, {"requests": {"cpu": "1"}}
    made = pod(containers=[{"name": "main", "image": "podnet/toolbox", "resources": new}])
    had = pod(containers=[{"name": "main", "resources": old}]).spec.containers[0].resources
    shown = pod_status(made, runtime(record(resources=had)), Facts(), NODE, NOW)["containerStatuses"][0]
    assert (shown["resources"], shown["allocatedResources"]) == (old, {"cpu": "1"})
    facts = Facts(resize=Waiting(reason="Infeasible", message="too much"))
    conditions = pod_status(made, runtime(record(resources=had)), facts, NODE, NOW)["conditions"]
    assert [c["reason"] for c in conditions if c["type"] == "PodResizePending"] == ["Infeasible"]


def test_an_evicted_pod_says_who_ended_it(pod, runtime, record):
    facts = Facts(evicted=Waiting(reason="Evicted", message="full"))
    status = pod_status(pod(), runtime(record(code=137)), facts, NODE, NOW)
    assert (status["phase"], status["reason"]) == ("Failed", "Evicted")
    target = next(c for c in status["conditions"] if c["type"] == "DisruptionTarget")
    assert target["reason"] == "TerminationByKubelet"


def test_ephemeral_containers_have_a_list_of_their_own(pod, runtime, record):
    made = pod(ephemeralContainers=[{"name": "look", "image": "podnet/toolbox"}])
    status = pod_status(made, runtime(record(), record("look", code=3)), Facts(), NODE, NOW)
    assert status["ephemeralContainerStatuses"][0]["state"]["terminated"]["exitCode"] == 3
    assert status["phase"] == "Running"
