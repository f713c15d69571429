from copy import deepcopy
from typing import Any

import pytest

from kube.apiserver.kinds import Kind, kind_at, lifecycle
from kube.apiserver.kinds.lifecycle.pods import qos_class
from kube.apiserver.status import StatusError

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:30Z"


def kind(group: str, plural: str) -> Kind:
    found = kind_at(group, "v1", plural)
    assert found is not None
    return found


POD, SERVICE, DEPLOYMENT, NAMESPACE, NODE, JOB, LEASE = (
    kind("", "pods"),
    kind("", "services"),
    kind("apps", "deployments"),
    kind("", "namespaces"),
    kind("", "nodes"),
    kind("batch", "jobs"),
    kind("coordination.k8s.io", "leases"),
)


def create(of: Kind, obj: dict[str, Any]) -> dict[str, Any]:
    return lifecycle.prepare_create(of, obj, now=NOW, uid="u-1", suffix="abcde")


def stored(of: Kind, **fields: Any) -> dict[str, Any]:
    obj = create(of, {"metadata": {"name": "x", "namespace": "d"}, **fields})
    obj["metadata"]["resourceVersion"] = "7"
    return obj


def test_the_server_names_and_dates_what_is_made() -> None:
    obj = create(
        DEPLOYMENT,
        {
            "metadata": {"generateName": "web-", "uid": "mine", "selfLink": "/x", "generation": 9},
            "status": {"replicas": 3},
        },
    )
    assert obj["metadata"] == {
        "generateName": "web-",
        "name": "web-abcde",
        "uid": "u-1",
        "creationTimestamp": NOW,
        "generation": 1,
    }
    assert obj["status"] == {}


def test_long_prefixes_are_cut_so_that_the_name_fits_a_label() -> None:
    assert len(create(POD, {"metadata": {"generateName": "a" * 80}})["metadata"]["name"]) == 63


def test_services_count_no_generations() -> None:
    assert "generation" not in create(SERVICE, {"metadata": {"name": "s"}})["metadata"]


def test_nodes_are_registered_with_their_status() -> None:
    assert create(NODE, {"metadata": {"name": "n"}, "status": {"capacity": {}}})["status"] == {"capacity": {}}


def test_a_resource_version_on_create_is_refused() -> None:
    with pytest.raises(StatusError) as caught:
        create(POD, {"metadata": {"name": "x", "resourceVersion": "5"}})
    assert caught.value.message == "resourceVersion should not be set on objects to be created"


def test_namespaces_wait_for_their_contents() -> None:
    obj = create(NAMESPACE, {"metadata": {"name": "n"}})
    assert obj["spec"] == {"finalizers": ["kubernetes"]}
    assert obj["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}


def test_jobs_select_by_their_uid() -> None:
    obj = create(JOB, {"metadata": {"name": "j"}, "spec": {"template": {}}})
    assert obj["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u-1"}}
    assert obj["spec"]["template"]["metadata"]["labels"] == {
        "batch.kubernetes.io/controller-uid": "u-1",
        "controller-uid": "u-1",
        "batch.kubernetes.io/job-name": "j",
        "job-name": "j",
    }
    assert obj["metadata"]["labels"] == obj["spec"]["template"]["metadata"]["labels"]
    named = create(JOB, {"metadata": {"name": "j", "labels": {"a": "b"}}, "spec": {"template": {}}})
    assert named["metadata"]["labels"] == {"a": "b"}


@pytest.mark.parametrize(
    ("resources", "qos"),
    [
        ([{}], "BestEffort"),
        ([{"requests": {"cpu": "1"}}], "Burstable"),
        (
            [{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m", "memory": "1Gi"}}],
            "Guaranteed",
        ),
        (
            [{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}, {}],
            "Burstable",
        ),
        ([{"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "1", "memory": "1Gi"}}], "Burstable"),
        ([{"limits": {"nvidia.com/gpu": "1"}}], "BestEffort"),
    ],
)
def test_quality_of_service(resources: list[dict[str, Any]], qos: str) -> None:
    assert qos_class({"containers": [{"resources": item} for item in resources]}) == qos


def test_an_update_that_changes_nothing_is_the_old_object() -> None:
    old = stored(DEPLOYMENT, spec={"replicas": 1})
    assert lifecycle.prepare_update(DEPLOYMENT, deepcopy(old), old) is old


def test_the_generation_follows_the_spec_alone() -> None:
    old = stored(DEPLOYMENT, spec={"replicas": 1})
    scaled = lifecycle.prepare_update(DEPLOYMENT, {**deepcopy(old), "spec": {"replicas": 2}}, old)
    assert scaled["metadata"]["generation"] == 2
    labelled = deepcopy(old)
    labelled["metadata"]["labels"] = {"a": "b"}
    assert lifecycle.prepare_update(DEPLOYMENT, labelled, old)["metadata"]["generation"] == 1


def test_an_update_cannot_touch_status_nor_a_status_update_the_spec() -> None:
    old = stored(DEPLOYMENT, spec={"replicas": 1})
    change = {**deepcopy(old), "spec": {"replicas": 5}, "status": {"replicas": 5}}
    assert lifecycle.prepare_update(DEPLOYMENT, deepcopy(change), old)["status"] == {}
    shown = lifecycle.prepare_update(DEPLOYMENT, deepcopy(change), old, subresource="status")
    assert shown["spec"] == {"replicas": 1}
    assert shown["status"] == {"replicas": 5}
    assert shown["metadata"]["generation"] == 1


def test_what_the_server_set_stays_when_left_out() -> None:
    old = stored(SERVICE, spec={"type": "ClusterIP"})
    new = lifecycle.prepare_update(
        SERVICE, {"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": {"type": "ClusterIP"}}, old
    )
    assert new["metadata"]["uid"] == "u-1"
    assert new["metadata"]["creationTimestamp"] == NOW
    assert new["metadata"]["namespace"] == "d"


def test_a_nodes_range_stays() -> None:
    old = stored(NODE, spec={"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]})
    new = lifecycle.prepare_update(NODE, {"metadata": {"name": "x"}, "spec": {"unschedulable": True}}, old)
    assert new["spec"] == {"unschedulable": True, "podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]}


def test_finalize_changes_the_finalizers_alone() -> None:
    old = stored(NAMESPACE)
    new = lifecycle.prepare_update(
        NAMESPACE, {"metadata": {"name": "x"}, "spec": {}}, old, subresource="finalize"
    )
    assert new["spec"] == {}
    assert new["status"] == {"phase": "Active"}


@pytest.mark.parametrize(("version", "refused"), [("7", False), ("", False), ("6", True)])
def test_another_version_is_a_conflict(version: str, refused: bool) -> None:
    old = stored(SERVICE)
    new = {"metadata": {"name": "x", "resourceVersion": version}}
    if not refused:
        lifecycle.check_version(SERVICE, new, old)
        return
    with pytest.raises(StatusError) as caught:
        lifecycle.check_version(SERVICE, new, old)
    assert (caught.value.code, caught.value.reason) == (409, "Conflict")


def test_leases_must_name_their_version() -> None:
    with pytest.raises(StatusError) as caught:
        lifecycle.check_version(LEASE, {"metadata": {"name": "x"}}, stored(LEASE))
    assert caught.value.code == 422
    assert (
        "metadata.resourceVersion: Invalid value: 0: must be specified for an update" in caught.value.message
    )


def test_another_uid_is_a_conflict() -> None:
    with pytest.raises(StatusError) as caught:
        lifecycle.check_version(SERVICE, {"metadata": {"uid": "other"}}, stored(SERVICE))
    assert "Precondition failed: UID in precondition: other, UID in object meta: u-1" in caught.value.message


def delete(of: Kind, obj: dict[str, Any], **options: Any) -> dict[str, Any] | None:
    return lifecycle.prepare_delete(of, obj, now=NOW, **options)


def running_pod() -> dict[str, Any]:
    return stored(POD, spec={"nodeName": "n", "terminationGracePeriodSeconds": 30})


def test_plain_objects_go_at_once() -> None:
    assert delete(SERVICE, stored(SERVICE)) is None


def test_finalizers_hold_an_object() -> None:
    obj = stored(SERVICE)
    obj["metadata"]["finalizers"] = ["a/b"]
    held = delete(SERVICE, obj)
    assert held is not None
    assert held["metadata"]["deletionTimestamp"] == NOW
    assert held["metadata"]["deletionGracePeriodSeconds"] == 0
    assert delete(SERVICE, held) is held
    assert not lifecycle.finished(SERVICE, held)
    del held["metadata"]["finalizers"]
    assert lifecycle.finished(SERVICE, held)


@pytest.mark.parametrize(
    ("propagation", "finalizers"), [("Foreground", ["foregroundDeletion"]), ("Orphan", ["orphan"])]
)
def test_propagation_adds_its_finalizer(propagation: str, finalizers: list[str]) -> None:
    held = delete(DEPLOYMENT, stored(DEPLOYMENT), propagation=propagation)
    assert held is not None
    assert held["metadata"]["finalizers"] == finalizers
    assert held["metadata"]["generation"] == 2


def test_background_takes_the_others_finalizers_away() -> None:
    obj = stored(DEPLOYMENT)
    obj["metadata"]["finalizers"] = ["orphan"]
    assert delete(DEPLOYMENT, obj, propagation="Background") is None


def test_pods_end_after_their_grace_period() -> None:
    held = delete(POD, running_pod())
    assert held is not None
    assert held["metadata"]["deletionTimestamp"] == LATER
    assert held["metadata"]["deletionGracePeriodSeconds"] == 30
    assert not lifecycle.finished(POD, held)


@pytest.mark.parametrize(
    ("spec", "status", "grace_s"),
    [
        ({"nodeName": "n"}, {}, 0),
        ({}, {}, None),
        ({"nodeName": "n"}, {"phase": "Succeeded"}, None),
        ({"nodeName": "n", "terminationGracePeriodSeconds": 0}, {}, None),
    ],
)
def test_pods_that_go_at_once(spec: dict[str, Any], status: dict[str, Any], grace_s: int | None) -> None:
    obj = stored(POD, spec=spec)
    obj["status"] = status
    assert delete(POD, obj, grace_period_s=grace_s) is None


def test_a_second_delete_may_shorten_the_grace_period_but_not_lengthen_it() -> None:
    held = delete(POD, running_pod())
    assert held is not None
    assert delete(POD, held) is held
    assert delete(POD, held, grace_period_s=60) is held
    shorter = delete(POD, held, grace_period_s=5)
    assert shorter is not None
    assert shorter["metadata"]["deletionGracePeriodSeconds"] == 5
    assert delete(POD, held, grace_period_s=0) is None


def test_namespaces_terminate() -> None:
    held = delete(NAMESPACE, stored(NAMESPACE))
    assert held is not None
    assert held["status"]["phase"] == "Terminating"
    assert not lifecycle.finished(NAMESPACE, held)
    assert lifecycle.finished(NAMESPACE, {**held, "spec": {}})


def test_a_daemon_set_counts_its_templates() -> None:
    """In an annotation that clients cannot change; its default is made with the others."""
    daemon_set, key = kind("apps", "daemonsets"), lifecycle.TEMPLATE_GENERATION
    old = stored(daemon_set, spec={"template": {"spec": {"hostname": "a"}}})
    old["metadata"]["annotations"] = {key: "1"}
    new = deepcopy(old)
    new["metadata"]["annotations"] = {key: "7", "a": "b"}
    new["spec"]["minReadySeconds"] = 5
    assert lifecycle.prepare_update(daemon_set, deepcopy(new), old)["metadata"]["annotations"] == {
        key: "1",
        "a": "b",
    }
    new["spec"]["template"]["spec"]["hostname"] = "b"
    assert lifecycle.prepare_update(daemon_set, new, old)["metadata"]["annotations"][key] == "2"


def test_a_signing_request_says_who_asked() -> None:
    request = kind("certificates.k8s.io", "certificatesigningrequests")
    obj = {"metadata": {"name": "x"}, "spec": {"request": "r", "username": "root", "uid": "0"}}
    user = {"username": "ann", "groups": ["system:authenticated"]}
    made = lifecycle.prepare_create(request, obj, now=NOW, uid="u-1", suffix="abcde", user=user)
    assert made["spec"] == {"request": "r", **user}
