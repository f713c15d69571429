from typing import Any

import pytest

from kube.apiserver.kinds.amounts import amounts, shown
from kube.apiserver.kinds.quota import Refusal, charge, counted_kinds, counts, is_counted, usage
from kube.apiserver.kinds.quota.usage import total


def pod(
    requests: dict[str, str] | None = None, limits: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    resources = {"requests": requests or {}, "limits": limits or {}}
    return {
        "metadata": {"name": "p"},
        "spec": {"containers": [{"name": "c", "resources": resources}], **spec},
    }


def service(type_: str, *node_ports: int, **spec: Any) -> dict[str, Any]:
    ports = [
        {"port": 80 + index, **({"nodePort": port} if port else {})} for index, port in enumerate(node_ports)
    ]
    return {"metadata": {"name": "s"}, "spec": {"type": type_, "ports": ports, **spec}}


def claim(storage: str, storage_class: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"resources": {"requests": {"storage": storage}}}
    if storage_class:
        spec["storageClassName"] = storage_class
    return {"metadata": {"name": "v"}, "spec": spec}


def quota(hard: dict[str, str], **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}}


@pytest.mark.parametrize(
    ("key", "obj", "used"),
    [
        ("configmaps", {"metadata": {}}, {"configmaps": "1", "count/configmaps": "1"}),
        ("deployments.apps", {"metadata": {}}, {"count/deployments.apps": "1"}),
        ("widgets.example.com", {"metadata": {}}, {"count/widgets.example.com": "1"}),
        ("pods", pod(), {"pods": "1", "count/pods": "1"}),
        (
            "pods",
            pod(
                {"cpu": "100m", "example.com/gpu": "2"}, {"cpu": "1", "memory": "1Gi", "example.com/gpu": "2"}
            ),
            {
                "pods": "1",
                "count/pods": "1",
                "cpu": "100m",
                "requests.cpu": "100m",
                "limits.cpu": "1",
                "limits.memory": "1Gi",
                "requests.example.com/gpu": "2",
            },
        ),
        (
            "pods",
            pod({"hugepages-2Mi": "4Mi", "ephemeral-storage": "1Gi"}),
            {
                "pods": "1",
                "count/pods": "1",
                "hugepages-2Mi": "4Mi",
                "requests.hugepages-2Mi": "4Mi",
                "ephemeral-storage": "1Gi",
                "requests.ephemeral-storage": "1Gi",
            },
        ),
        ("pods", {**pod({"cpu": "1"}), "status": {"phase": "Failed"}}, {"count/pods": "1"}),
        ("services", service("ClusterIP", 0), {"services": "1", "count/services": "1"}),
        (
            "services",
            service("NodePort", 0, 30001),
            {"services": "1", "count/services": "1", "services.nodeports": "2"},
        ),
        (
            "services",
            service("LoadBalancer", 0, 30001, allocateLoadBalancerNodePorts=False),
            {
                "services": "1",
                "count/services": "1",
                "services.nodeports": "1",
                "services.loadbalancers": "1",
            },
        ),
        (
            "persistentvolumeclaims",
            claim("2Gi", "fast"),
            {
                "persistentvolumeclaims": "1",
                "count/persistentvolumeclaims": "1",
                "requests.storage": "2Gi",
                "fast.storageclass.storage.k8s.io/requests.storage": "2Gi",
                "fast.storageclass.storage.k8s.io/persistentvolumeclaims": "1",
            },
        ),
    ],
)
def test_what_an_object_uses(key: str, obj: dict[str, Any], used: dict[str, str]) -> None:
    assert shown(usage(key, obj)) == used


def test_a_pod_beyond_its_grace_uses_nothing_more() -> None:
    """2026-01-01T00:00:00Z is 1767225600."""
    dying = pod({"cpu": "1"})
    dying["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "deletionGracePeriodSeconds": 30}
    assert "pods" in usage("pods", dying, 1_767_225_620)
    assert usage("pods", dying, 1_767_225_640).keys() == {"count/pods"}


@pytest.mark.parametrize(
    ("resource", "key"),
    [
        ("pods", "pods"),
        ("count/pods", "pods"),
        ("limits.memory", "pods"),
        ("requests.nvidia.com/gpu", "pods"),
        ("services.loadbalancers", "services"),
        ("requests.storage", "persistentvolumeclaims"),
        ("gold.storageclass.storage.k8s.io/requests.storage", "persistentvolumeclaims"),
        ("count/jobs.batch", "jobs.batch"),
        ("secrets", "secrets"),
    ],
)
def test_who_uses_a_resource(resource: str, key: str) -> None:
    assert is_counted(key, resource)
    assert not is_counted("configmaps", resource)


def test_a_resource_that_nothing_uses() -> None:
    assert counted_kinds(["nonsense"]) == frozenset()


BURSTABLE, BEST_EFFORT = pod({"cpu": "1"}), pod()
SHORT, URGENT = pod(activeDeadlineSeconds=10), pod(priorityClassName="urgent")
NEAR_OTHERS = pod(
    affinity={
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "podAffinityTerm": {"topologyKey": "a", "namespaceSelector": {}}}
            ]
        }
    }
)


@pytest.mark.parametrize(
    ("scope", "inside", "outside"),
    [
        ("BestEffort", BEST_EFFORT, BURSTABLE),
        ("NotBestEffort", BURSTABLE, BEST_EFFORT),
        ("Terminating", SHORT, BEST_EFFORT),
        ("NotTerminating", BEST_EFFORT, SHORT),
        ("PriorityClass", URGENT, BEST_EFFORT),
        ("CrossNamespacePodAffinity", NEAR_OTHERS, BEST_EFFORT),
    ],
)
def test_scopes(scope: str, inside: dict[str, Any], outside: dict[str, Any]) -> None:
    scoped = quota({"pods": "1"}, scopes=[scope])
    assert counts(scoped, "pods", inside)
    assert not counts(scoped, "pods", outside)
    assert not counts(scoped, "configmaps", {"metadata": {}})


@pytest.mark.parametrize(
    ("operator", "values", "counted"),
    [
        ("In", ["urgent"], True),
        ("In", ["low"], False),
        ("NotIn", ["low"], True),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_scope_selectors_look_at_the_priority(operator: str, values: list[str], *, counted: bool) -> None:
    row = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    scoped = quota({"pods": "1"}, scopeSelector={"matchExpressions": [row]})
    assert counts(scoped, "pods", URGENT) is counted


def test_a_charge_gives_the_new_usage_of_what_is_limited() -> None:
    after = charge(
        quota({"pods": "2", "requests.cpu": "1"}),
        amounts({"pods": "1", "requests.cpu": "500m"}),
        "pods",
        pod({"cpu": "500m"}, {"memory": "1Gi"}),
        None,
    )
    assert after is not None
    assert shown(after) == {"pods": "2", "requests.cpu": "1"}


@pytest.mark.parametrize(
    ("hard", "used", "obj", "message"),
    [
        (
            {"pods": "2"},
            {"pods": "2"},
            pod(),
            "exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2",
        ),
        (
            {"pods": "5", "requests.cpu": "1", "limits.memory": "1Gi"},
            {"pods": "1", "requests.cpu": "750m", "limits.memory": "512Mi"},
            pod({"cpu": "500m"}, {"memory": "1Gi"}),
            "exceeded quota: q, requested: limits.memory=1Gi,requests.cpu=500m, "
            "used: limits.memory=512Mi,requests.cpu=750m, limited: limits.memory=1Gi,requests.cpu=1",
        ),
        (
            {"limits.cpu": "1", "requests.memory": "1Gi"},
            {},
            pod({"memory": "1Mi"}),
            "failed quota: q: must specify limits.cpu for: c",
        ),
        (
            {"cpu": "1", "memory": "1Gi"},
            {},
            pod(),
            "failed quota: q: must specify cpu for: c; memory for: c",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_the_server_s_words(
    hard: dict[str, str], used: dict[str, str], obj: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refusal) as raised:
        charge(quota(hard), amounts(used), "pods", obj, None)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("old", "new", "after"),
    [
        (service("ClusterIP", 0), service("NodePort", 0), {"services": "1", "services.nodeports": "1"}),
        (service("NodePort", 0), service("ClusterIP", 0), None),  # given back by the controller
        (service("NodePort", 0), service("NodePort", 30001), None),
    ],
)
def test_an_update_is_charged_for_what_it_adds(
    old: dict[str, Any], new: dict[str, Any], after: dict[str, str] | None
) -> None:
    hard = {"services": "1", "services.nodeports": "1"}
    used = {name: usage("services", old).get(name) for name in hard}
    charged = charge(
        quota(hard), {name: amount for name, amount in used.items() if amount}, "services", new, old
    )
    assert (shown(charged) if charged is not None else None) == after


def test_over_the_limit_only_what_grows_is_refused() -> None:
    """A quota made smaller than its usage lets what does not use it be."""
    lowered = quota({"services": "0", "services.nodeports": "0"})
    old, new = service("ClusterIP", 0), service("ClusterIP", 0, 0)
    assert charge(lowered, amounts({"services": "1"}), "services", new, old) is None


def test_totals() -> None:
    found = total("pods", [pod({"cpu": "1"}), pod({"cpu": "500m"})], 0)
    assert shown(found)["requests.cpu"] == "1500m"
    assert total("pods", [], 0) == {}
