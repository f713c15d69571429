import json

import msgspec
import pytest

from kube.apiserver.kinds import Kind, kind_at
from kube.apiserver.kinds.schema import SchemaReport, check, duplicate_fields
from kube.apiserver.status import StatusError


def kind(group: str, plural: str) -> Kind:
    found = kind_at(group, "v1", plural)
    assert found is not None
    return found


DEPLOYMENT, POD, SECRET, SLICE = (
    kind("apps", "deployments"),
    kind("", "pods"),
    kind("", "secrets"),
    kind("discovery.k8s.io", "endpointslices"),
)


def deployment(**spec: object) -> dict:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"}, "spec": spec}


def test_a_good_object_is_left_as_it_is() -> None:
    obj = deployment(replicas=0, paused=True)
    before = msgspec.json.encode(obj)
    assert check(DEPLOYMENT, obj) == SchemaReport()
    assert msgspec.json.encode(obj) == before


def test_unknown_fields_are_named_by_their_path_and_dropped() -> None:
    obj = deployment(foo=1, template={"spec": {"containers": [{"name": "c", "bar": {}}]}})
    assert set(check(DEPLOYMENT, obj).unknown) == {"spec.foo", "spec.template.spec.containers[0].bar"}
    assert obj["spec"] == {"template": {"spec": {"containers": [{"name": "c"}]}}}


def test_nulls_and_empty_text_and_lists_are_absent() -> None:
    obj = {
        "metadata": {"name": "a", "creationTimestamp": None, "labels": {}, "namespace": ""},
        "spec": {"containers": [], "nodeName": "", "securityContext": {}},
    }
    check(POD, obj)
    assert obj == {"metadata": {"name": "a"}, "spec": {"containers": [], "securityContext": {}}}


def test_zero_and_false_are_absent_where_go_has_no_pointer() -> None:
    probe = {"timeoutSeconds": 0, "initialDelaySeconds": 0, "terminationGracePeriodSeconds": 0}
    security = {"runAsUser": 0, "privileged": False}
    obj = {
        "metadata": {"name": "a", "generation": 0},
        "spec": {
            "hostNetwork": False,
            "automountServiceAccountToken": False,
            "containers": [
                {"name": "c", "stdin": False, "readinessProbe": probe, "securityContext": security}
            ],
        },
    }
    check(POD, obj)
    assert obj["metadata"] == {"name": "a"}
    assert obj["spec"] == {
        "automountServiceAccountToken": False,
        "containers": [
            {"name": "c", "readinessProbe": {"terminationGracePeriodSeconds": 0}, "securityContext": security}
        ],
    }


def test_a_zero_of_another_type_is_a_type_error() -> None:
    assert check(POD, {"metadata": {"name": "a"}, "spec": {"nodeName": 0}}).error


def test_what_go_keeps_by_pointer_is_kept_empty() -> None:
    obj = {"ports": [{"name": "", "port": 80}], "endpoints": [], "addressType": "IPv4"}
    check(SLICE, obj)
    assert obj["ports"] == [{"name": "", "port": 80}]


def test_quantities_become_canonical() -> None:
    obj = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi"}}}]}}
    check(POD, obj)
    assert obj["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        (
            {"replicas": "x"},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"replicas": 1.5},
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"replicas": 2**31},
            "json: cannot unmarshal number 2147483648 into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"paused": "yes"},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
        ),
        (
            {"template": []},
            "json: cannot unmarshal array into Go struct field DeploymentSpec.spec.template of type v1.PodTemplateSpec",
        ),
        (
            {"template": {"spec": {"containers": {}}}},
            "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            {"template": {"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}}},
            "json: cannot unmarshal string into Go struct field "
            "ContainerPort.spec.template.spec.containers.ports.containerPort of type int32",
        ),
        (
            {"template": {"spec": {"containers": [{"args": [1]}]}}},
            "json: cannot unmarshal number into Go struct field "
            "Container.spec.template.spec.containers.args of type string",
        ),
        (
            {"template": {"spec": {"containers": [{"args": ["a"]}, 1]}}},
            "json: cannot unmarshal number into Go struct field "
            "PodSpec.spec.template.spec.containers of type v1.Container",
        ),
        (
            {"template": {"spec": {"nodeSelector": {"a": True}}}},
            "json: cannot unmarshal bool into Go struct field PodSpec.spec.template.spec.nodeSelector of type string",
        ),
    ],
)
def test_wrong_types_are_told_as_go_tells_them(spec: dict, error: str) -> None:
    assert check(DEPLOYMENT, deployment(**spec)).error == error


@pytest.mark.parametrize(
    ("data", "error"),
    [("YQ==", ""), ("", ""), ("YQ=", "illegal"), ("Y!==", "illegal base64 data at input byte 1")],
)
def test_secret_data_is_base64(data: str, error: str) -> None:
    assert check(SECRET, {"data": {"a": data}}).error.startswith(error)


def test_a_quantity_that_is_none() -> None:
    obj = {"spec": {"containers": [{"resources": {"requests": {"cpu": "lots"}}}]}}
    assert check(POD, obj).error.startswith("quantities must match the regular expression")


def test_strict_refuses_warn_warns_ignore_does_neither() -> None:
    report = check(DEPLOYMENT, deployment(foo=1))
    assert report.enforce(DEPLOYMENT, "Warn") == ['unknown field "spec.foo"']
    assert report.enforce(DEPLOYMENT, "Ignore") == []
    with pytest.raises(StatusError) as caught:
        report.enforce(DEPLOYMENT, "Strict")
    assert caught.value.code == 400
    assert caught.value.message == (
        'Deployment in version "v1" cannot be handled as a Deployment: '
        'strict decoding error: unknown field "spec.foo"'
    )


def test_type_errors_are_refused_whatever_the_validation() -> None:
    with pytest.raises(StatusError):
        check(DEPLOYMENT, deployment(replicas="x")).enforce(DEPLOYMENT, "Ignore")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('{"a":1}', []),
        ('{"a" : 1, "b": "x\\": y"}', []),
        ('{"a":1,"a":2}', ["a"]),
        ('{"a":{"b":[{"c":1,"c":2}]},"d":"\\":"}', ["a.b[0].c"]),
        ('{"a":1,"a":2,"b":{"c":1,"c":1}}', ["a", "b.c"]),
    ],
)
def test_fields_given_twice(body: str, expected: list[str]) -> None:
    assert duplicate_fields(body.encode(), json.loads(body)) == expected


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-11-21T10:08:27Z", "2026-11-21T10:08:27Z"),
        ("2026-11-21T10:08:27+00:00", "2026-11-21T10:08:27Z"),
        ("2026-11-21T12:08:27.123456789+02:00", "2026-11-21T10:08:27Z"),
        ("2026-11-21T10:08:27.5Z", "2026-11-21T10:08:27Z"),
    ],
)
def test_times_are_kept_in_utc_to_the_second(sent: str, kept: str) -> None:
    obj = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "creationTimestamp": sent}}
    assert check(kind("", "configmaps"), obj).error == ""
    assert obj["metadata"]["creationTimestamp"] == kept


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("2026-11-21T10:08:27.123456Z", "2026-11-21T10:08:27.123456Z"),
        ("2026-11-21T10:08:27.12+00:00", "2026-11-21T10:08:27.120000Z"),
        ("2026-11-21T10:08:27+01:00", "2026-11-21T09:08:27.000000Z"),
    ],
)
def test_micro_times_are_kept_in_utc_with_six_digits(sent: str, kept: str) -> None:
    obj = {"metadata": {"name": "a"}, "spec": {"renewTime": sent}}
    assert check(kind("coordination.k8s.io", "leases"), obj).error == ""
    assert obj["spec"]["renewTime"] == kept


@pytest.mark.parametrize("sent", ["2026-13-21T10:08:27Z", "2026-11-21", "9999-12-31T23:59:59-10:00", "now"])
def test_what_is_no_time_is_refused(sent: str) -> None:
    obj = {"metadata": {"name": "a", "creationTimestamp": sent}}
    assert "parsing time" in check(kind("", "configmaps"), obj).error
