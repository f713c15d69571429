from copy import deepcopy
from typing import Any

import pytest

from kube.apiserver.kinds import Kind, defaults, kind_at


def kind(group: str, plural: str, version: str = "v1") -> Kind:
    found = kind_at(group, version, plural)
    assert found is not None
    return found


def defaulted(group: str, plural: str, obj: dict[str, Any], version: str = "v1") -> dict[str, Any]:
    of = kind(group, plural, version)
    obj = {"apiVersion": of.api_version, "kind": of.kind, "metadata": {"name": "x"}, **obj}
    defaults.apply(of, obj)
    once = deepcopy(obj)
    defaults.apply(of, obj)
    assert obj == once, "a second time changes nothing"
    return obj


def pod_spec(**spec: Any) -> dict[str, Any]:
    spec.setdefault("containers", [{"name": "c", "image": "i:1"}])
    done: dict[str, Any] = defaulted("", "pods", {"spec": spec})["spec"]
    return done


def test_a_pod() -> None:
    assert pod_spec() == {
        "containers": [
            {
                "name": "c",
                "image": "i:1",
                "imagePullPolicy": "IfNotPresent",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "terminationGracePeriodSeconds": 30,
    }


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.2", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:abc", "IfNotPresent"),
        ("nginx:latest@sha256:abc", "IfNotPresent"),
    ],
)
def test_pull_policies_follow_the_tag(image: str, policy: str) -> None:
    assert pod_spec(containers=[{"name": "c", "image": image}])["containers"][0]["imagePullPolicy"] == policy


def test_probes_ports_and_references_of_a_container() -> None:
    container = {
        "name": "c",
        "image": "i:1",
        "ports": [{"containerPort": 80}],
        "env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        "livenessProbe": {"httpGet": {"port": 80}},
    }
    done = pod_spec(containers=[container])["containers"][0]
    assert done["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert done["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert done["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }


def test_the_host_network_sets_host_ports() -> None:
    container = {"name": "c", "image": "i:1", "ports": [{"containerPort": 80}]}
    done = pod_spec(containers=[container], hostNetwork=True)
    assert done["containers"][0]["ports"][0]["hostPort"] == 80


def test_requests_follow_limits_in_pods_but_not_in_templates() -> None:
    container = {"name": "c", "image": "i:1", "resources": {"limits": {"cpu": "1"}}}
    assert pod_spec(containers=[deepcopy(container)])["containers"][0]["resources"]["requests"] == {
        "cpu": "1"
    }
    deployment = defaulted(
        "apps", "deployments", {"spec": {"template": {"spec": {"containers": [container]}}}}
    )
    assert "requests" not in deployment["spec"]["template"]["spec"]["containers"][0]["resources"]


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        ({}, {"emptyDir": {}}),
        ({"secret": {"secretName": "s"}}, {"secret": {"secretName": "s", "defaultMode": 420}}),
        ({"configMap": {"name": "c", "defaultMode": 256}}, {"configMap": {"name": "c", "defaultMode": 256}}),
        ({"hostPath": {"path": "/"}}, {"hostPath": {"path": "/", "type": ""}}),
        (
            {"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
            {
                "projected": {
                    "defaultMode": 420,
                    "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}],
                }
            },
        ),
    ],
)
def test_volumes(volume: dict[str, Any], expected: dict[str, Any]) -> None:
    assert pod_spec(volumes=[{"name": "v", **volume}])["volumes"] == [{"name": "v", **expected}]


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"ports": [{"port": 80}]},
            {
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
            },
        ),
        (
            {"type": "NodePort"},
            {
                "type": "NodePort",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
            },
        ),
        (
            {"type": "LoadBalancer"},
            {
                "type": "LoadBalancer",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": True,
            },
        ),
        (
            {"type": "ExternalName", "externalName": "a"},
            {"type": "ExternalName", "externalName": "a", "sessionAffinity": "None"},
        ),
        (
            {"sessionAffinity": "ClientIP"},
            {
                "type": "ClusterIP",
                "internalTrafficPolicy": "Cluster",
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}},
            },
        ),
        (
            {"externalIPs": ["1.2.3.4"]},
            {
                "type": "ClusterIP",
                "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
                "externalIPs": ["1.2.3.4"],
            },
        ),
    ],
)
def test_services(spec: dict[str, Any], expected: dict[str, Any]) -> None:
    assert defaulted("", "services", {"spec": spec})["spec"] == expected


@pytest.mark.parametrize(
    ("group", "plural", "spec", "expected"),
    [
        (
            "apps",
            "deployments",
            {},
            {
                "replicas": 1,
                "strategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
                },
                "revisionHistoryLimit": 10,
                "progressDeadlineSeconds": 600,
            },
        ),
        ("apps", "deployments", {"strategy": {"type": "Recreate"}}, {"strategy": {"type": "Recreate"}}),
        ("apps", "deployments", {"replicas": 0}, {"replicas": 0}),
        ("apps", "replicasets", {}, {"replicas": 1}),
        (
            "apps",
            "daemonsets",
            {},
            {
                "updateStrategy": {
                    "type": "RollingUpdate",
                    "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0},
                }
            },
        ),
        (
            "apps",
            "statefulsets",
            {},
            {
                "podManagementPolicy": "OrderedReady",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            },
        ),
        (
            "batch",
            "jobs",
            {},
            {"completions": 1, "parallelism": 1, "backoffLimit": 6, "completionMode": "NonIndexed"},
        ),
        ("batch", "jobs", {"parallelism": 2}, {"parallelism": 2}),
        ("batch", "jobs", {"podFailurePolicy": {"rules": []}}, {"podReplacementPolicy": "Failed"}),
        (
            "batch",
            "cronjobs",
            {},
            {"concurrencyPolicy": "Allow", "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1},
        ),
        ("networking.k8s.io", "networkpolicies", {"egress": [{}]}, {"policyTypes": ["Ingress", "Egress"]}),
    ],
)
def test_specs(group: str, plural: str, spec: dict[str, Any], expected: dict[str, Any]) -> None:
    done = defaulted(group, plural, {"spec": spec})["spec"]
    assert {name: done.get(name) for name in expected} == expected


def test_a_job_that_says_its_parallelism_has_no_completions() -> None:
    assert "completions" not in defaulted("batch", "jobs", {"spec": {"parallelism": 2}})["spec"]


def test_a_namespace_is_active_and_named_by_a_label() -> None:
    done = defaulted("", "namespaces", {})
    assert done["metadata"]["labels"] == {"kubernetes.io/metadata.name": "x"}
    assert done["status"] == {"phase": "Active"}


def test_all_of_a_nodes_capacity_is_allocatable() -> None:
    done = defaulted("", "nodes", {"status": {"capacity": {"cpu": "4"}}})
    assert done["status"]["allocatable"] == {"cpu": "4"}


def test_secrets_are_opaque() -> None:
    assert defaulted("", "secrets", {})["type"] == "Opaque"


def test_slices_name_their_ports() -> None:
    done = defaulted("discovery.k8s.io", "endpointslices", {"ports": [{"port": 80}]})
    assert done["ports"] == [{"port": 80, "name": "", "protocol": "TCP"}]
    assert done["endpoints"] == []


def test_subjects_are_of_the_rbac_group() -> None:
    done = defaulted(
        "rbac.authorization.k8s.io",
        "rolebindings",
        {
            "roleRef": {"apiGroup": "", "kind": "Role", "name": "r"},
            "subjects": [{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
        },
    )
    assert done["roleRef"]["apiGroup"] == "rbac.authorization.k8s.io"
    assert done["subjects"][0]["apiGroup"] == "rbac.authorization.k8s.io"
    assert "apiGroup" not in done["subjects"][1]


def test_autoscalers_aim_at_cpu() -> None:
    done = defaulted("autoscaling", "horizontalpodautoscalers", {"spec": {"maxReplicas": 3}}, "v2")
    assert done["spec"]["minReplicas"] == 1
    assert done["spec"]["metrics"][0]["resource"]["target"] == {
        "type": "Utilization",
        "averageUtilization": 80,
    }
