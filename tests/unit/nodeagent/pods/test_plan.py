"""What a pod needs next: one row a situation."""

import pytest

from nodeagent.pods.backoff import Delay
from nodeagent.pods.plan import (
    CreateSandbox,
    EnsureImage,
    Finish,
    KillContainer,
    RemoveRun,
    RemoveSandbox,
    ResizeContainer,
    StartContainer,
    deadline_s,
    outcome,
    plan,
)
from nodeagent.pods.state import Facts, Health, Waiting
from nodeagent.pods.times import epoch

NOW = epoch("2026-01-01T00:01:00Z")
READY = Facts(images={"main": True, "init": True, "side": True, "other": True})
SIDECAR = {"name": "side", "image": "podnet/toolbox", "restartPolicy": "Always"}
INIT = {"name": "init", "image": "podnet/toolbox"}
DELETED = {"deletionTimestamp": "2026-01-01T00:01:30Z", "deletionGracePeriodSeconds": 30}


def test_a_new_pod_gets_a_sandbox_then_an_image_then_its_container(pod, runtime):
    assert plan(pod(), runtime(sandbox=False), Facts(), NOW).actions == (CreateSandbox(0),)
    assert plan(pod(), runtime(), Facts(), NOW).actions == (EnsureImage("main"),)
    assert plan(pod(), runtime(), Facts(images={"main": False}), NOW).actions == ()
    assert plan(pod(), runtime(), READY, NOW).actions == (StartContainer("main", 0),)


def test_a_running_pod_is_left_alone(pod, runtime, record):
    assert plan(pod(), runtime(record()), Facts(), NOW) == ((), None)


def test_without_a_network_only_host_network_pods_begin(pod, runtime):
    facts = Facts(network_ready=False)
    assert plan(pod(), runtime(sandbox=False), facts, NOW).actions == ()
    assert plan(pod(hostNetwork=True), runtime(sandbox=False), facts, NOW).actions == (CreateSandbox(0),)


def test_a_failed_sandbox_is_tried_again_at_its_time(pod, runtime):
    facts = Facts(sandbox=Waiting(reason="FailedCreatePodSandBox", retry_at_s=NOW + 2))
    assert plan(pod(), runtime(sandbox=False), facts, NOW) == ((), NOW + 2)
    assert plan(pod(), runtime(sandbox=False), facts, NOW + 2).actions == (CreateSandbox(0),)


@pytest.mark.parametrize(
    ("policy", "code", "restarted"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 1, False),
    ],
)
def test_the_restart_policy_decides_about_another_run(pod, runtime, record, policy, code, restarted):
    todo = plan(pod(restartPolicy=policy), runtime(record(code=code)), READY, NOW)
    assert (StartContainer("main", 1) in todo.actions) is restarted


def test_a_second_restart_waits_for_its_delay_from_the_end_of_the_run(pod, runtime, record):
    facts = Facts(images={"main": True}, delays={"main": Delay(10.0, NOW - 70)})
    ended = runtime(record(attempt=1, code=1))
    finished = epoch("2026-01-01T00:00:00Z")
    assert plan(pod(), ended, facts, finished + 5) == ((), finished + 10)
    assert plan(pod(), ended, facts, finished + 10).actions == (StartContainer("main", 2),)


def test_restart_counts_continue_what_the_api_remembers_when_the_disk_does_not(pod, runtime):
    facts = Facts(images={"main": True}, known_restarts={"main": 4})
    assert plan(pod(), runtime(), facts, NOW).actions == (StartContainer("main", 4),)


def test_init_containers_run_one_after_another_before_the_others(pod, runtime, record):
    both = pod(initContainers=[INIT, {"name": "second", "image": "podnet/toolbox"}])
    facts = Facts(images={"init": True, "second": True, "main": True})
    assert plan(both, runtime(), facts, NOW).actions == (StartContainer("init", 0),)
    assert plan(both, runtime(record("init")), facts, NOW).actions == ()
    assert plan(both, runtime(record("init", code=0)), facts, NOW).actions == (StartContainer("second", 0),)
    done = runtime(record("init", code=0), record("second", code=0))
    assert plan(both, done, facts, NOW).actions == (StartContainer("main", 0),)


def test_a_failed_init_container_fails_a_pod_that_never_restarts(pod, runtime, record):
    spec = pod(initContainers=[INIT], restartPolicy="Never")
    assert outcome(spec, runtime(record("init", code=1))) == "Failed"
    assert plan(spec, runtime(record("init", code=1)), READY, NOW).actions == (RemoveSandbox(),)
    again = plan(pod(initContainers=[INIT]), runtime(record("init", code=1)), READY, NOW)
    assert again.actions == (StartContainer("init", 1),)


def test_a_sidecar_holds_the_others_back_until_it_has_started_and_is_always_restarted(pod, runtime, record):
    spec = pod(initContainers=[SIDECAR])
    waiting = Facts(images={"side": True, "main": True}, health={"side-0": Health(started=False)})
    assert plan(spec, runtime(record("side")), waiting, NOW).actions == ()
    assert plan(spec, runtime(record("side")), READY, NOW).actions == (StartContainer("main", 0),)
    ended = runtime(record("side", code=0), record())
    assert plan(spec, ended, READY, NOW).actions == (StartContainer("side", 1),)


def test_a_pod_whose_containers_are_done_stops_its_sidecars_and_gives_its_network_back(pod, runtime, record):
    spec = pod(initContainers=[SIDECAR], restartPolicy="Never")
    todo = plan(spec, runtime(record("side"), record(code=0)), READY, NOW)
    assert [action.id for action in todo.actions] == ["side-0"]
    done = runtime(record("side", code=143), record(code=0))
    assert plan(spec, done, READY, NOW).actions == (RemoveSandbox(),)
    gone = runtime(record("side", code=143), record(code=0), torn_down=True)
    assert plan(spec, gone, READY, NOW).actions == ()


def test_deletion_kills_all_containers_then_the_sandbox_then_confirms(pod, runtime, record):
    spec = pod(metadata=DELETED, containers=[{"name": "main", "image": "i"}, {"name": "other", "image": "i"}])
    todo = plan(spec, runtime(record(), record("other")), READY, NOW)
    assert [(a.id, a.grace_s) for a in todo.actions] == [("main-0", 30), ("other-0", 30)]
    under_way = Facts(killing=frozenset({"main-0", "other-0"}))
    assert plan(spec, runtime(record(), record("other")), under_way, NOW).actions == ()
    ended = runtime(record(code=0), record("other", code=0))
    assert plan(spec, ended, Facts(), NOW).actions == (RemoveSandbox(), Finish())
    assert plan(spec, runtime(sandbox=False), Facts(), NOW).actions == (Finish(),)


def test_deletion_ends_sidecars_last_and_in_reverse(pod, runtime, record):
    spec = pod(metadata=DELETED, initContainers=[SIDECAR, {**SIDECAR, "name": "side2"}])
    first = plan(spec, runtime(record("side"), record("side2"), record()), Facts(), NOW)
    assert [action.id for action in first.actions] == ["main-0"]
    then = plan(spec, runtime(record("side"), record("side2"), record(code=0)), Facts(), NOW + 25)
    assert [(action.id, action.grace_s) for action in then.actions] == [("side2-0", 5)]


def test_a_forced_deletion_gives_little_time(pod, runtime, record):
    todo = plan(pod(), runtime(record()), Facts(gone=True), NOW)
    assert [action.grace_s for action in todo.actions] == [2]


def test_a_failed_liveness_probe_kills_with_the_grace_of_the_probe(pod, runtime, record):
    probe = {"exec": {"command": ["false"]}, "terminationGracePeriodSeconds": 1}
    spec = pod(containers=[{"name": "main", "image": "podnet/toolbox", "livenessProbe": probe}])
    text = "Container main failed liveness probe, will be restarted"
    facts = Facts(health={"main-0": Health(failed_probe=text)})
    assert plan(spec, runtime(record()), facts, NOW).actions == (KillContainer("main-0", "main", 1, text),)


def test_another_image_replaces_the_container(pod, runtime, record):
    todo = plan(pod(), runtime(record(image="old")), Facts(), NOW)
    assert todo.actions == (
        KillContainer("main-0", "main", 30, "Container main definition changed, will be restarted"),
    )


def test_only_the_last_two_runs_are_kept(pod, runtime, record):
    runs = [record(attempt=0, code=1), record(attempt=1, code=1), record(attempt=2)]
    assert plan(pod(), runtime(*runs), READY, NOW).actions == (RemoveRun("main-0"),)


def test_a_lost_sandbox_begins_again_once_its_containers_are_gone(pod, runtime, record):
    lost = runtime(record(), sandbox=False)
    assert [type(action) for action in plan(pod(), lost, READY, NOW).actions] == [KillContainer]
    ended = runtime(record(code=137), sandbox=False)
    assert plan(pod(), ended, READY, NOW).actions == (CreateSandbox(1),)


def test_a_pod_that_ended_before_a_reboot_is_not_started_again(pod, runtime):
    assert plan(pod(status={"phase": "Succeeded"}), runtime(sandbox=False), Facts(), NOW) == ((), None)


def test_an_evicted_pod_ends_but_stays_in_the_api(pod, runtime, record):
    facts = Facts(evicted=Waiting(reason="DeadlineExceeded"))
    assert [type(a) for a in plan(pod(), runtime(record()), facts, NOW).actions] == [KillContainer]
    assert plan(pod(), runtime(record(code=143)), facts, NOW).actions == (RemoveSandbox(),)


def test_the_active_deadline_counts_from_the_start(pod):
    facts = Facts(started_at="2026-01-01T00:00:00Z")
    assert deadline_s(pod(activeDeadlineSeconds=5), facts) == epoch("2026-01-01T00:00:05Z")
    assert deadline_s(pod(), facts) is None


# --- resources that change, containers that are added

WIDE = {"limits": {"memory": "2Mi"}}


def resized(pod, record, **container):
    return pod(
        containers=[{"name": "main", "image": "podnet/toolbox", "resources": WIDE, **container}]
    ), record()


def test_a_running_container_gets_the_resources_it_asks_for_now(pod, runtime, record):
    wanted, running = resized(pod, record)
    assert plan(wanted, runtime(running), Facts(), NOW).actions == (ResizeContainer("main-0", "main"),)
    has = record(resources=wanted.spec.containers[0].resources)
    assert plan(wanted, runtime(has), Facts(), NOW) == ((), None)


def test_a_resize_that_wants_a_restart_kills_once(pod, runtime, record):
    policy = [{"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    wanted, running = resized(pod, record, resizePolicy=policy)
    (action,) = plan(wanted, runtime(running), Facts(), NOW).actions
    assert isinstance(action, KillContainer)
    assert plan(wanted, runtime(running), Facts(killing=frozenset({"main-0"})), NOW) == ((), None)


def test_a_resize_the_node_cannot_give_is_looked_at_again_later(pod, runtime, record):
    wanted, running = resized(pod, record)
    facts = Facts(resize=Waiting(reason="Deferred", retry_at_s=NOW + 3))
    assert plan(wanted, runtime(running), facts, NOW) == ((), NOW + 3)
    assert plan(wanted, runtime(running), facts, NOW + 3).actions != ()


def test_an_ephemeral_container_starts_once_and_does_not_hold_the_pod(pod, runtime, record):
    look = {"name": "look", "image": "podnet/toolbox", "targetContainerName": "main"}
    made = pod(ephemeralContainers=[look])
    facts = Facts(images={"look": True})
    assert plan(made, runtime(record()), facts, NOW).actions == (StartContainer("look", 0),)
    ended = record("look", code=1)
    assert plan(made, runtime(record(), ended), facts, NOW) == ((), None)
    assert plan(made, runtime(record()), Facts(images={"look": True}, known_restarts={"look": 1}), NOW) == (
        (),
        None,
    )
    never = pod(ephemeralContainers=[look], restartPolicy="Never")
    assert outcome(never, runtime(record(code=0), record("look"))) == "Succeeded"


def test_a_new_image_does_not_wait_for_the_old_ones_failures(pod, runtime, record):
    facts = Facts(images={"main": True}, delays={"main": Delay(300.0, NOW)})
    crashed = record(code=1, image="podnet/old")
    assert plan(pod(), runtime(crashed), facts, NOW).actions == (StartContainer("main", 1),)
    same = record(code=1)
    assert plan(pod(), runtime(same), facts, NOW).actions == ()


def test_an_evicted_pod_has_a_second_to_end(pod, runtime, record):
    facts = Facts(evicted=Waiting(reason="Evicted", message="full"))
    (action,) = plan(pod(terminationGracePeriodSeconds=99), runtime(record()), facts, NOW).actions
    assert isinstance(action, KillContainer)
    assert action.grace_s == 1


@pytest.mark.parametrize(
    ("operator", "code", "again"),
    [("In", 42, True), ("In", 1, False), ("NotIn", 42, False), ("NotIn", 1, True)],
)
def test_rules_of_a_container_come_before_the_pods_policy(pod, runtime, record, operator, code, again):
    rule = {"action": "Restart", "exitCodes": {"operator": operator, "values": [42]}}
    main = {"name": "main", "image": "podnet/toolbox", "restartPolicyRules": [rule]}
    made = pod(containers=[{**main, "restartPolicy": "Never"}], restartPolicy="Always")
    assert (outcome(made, runtime(record(code=code))) == "") is again
