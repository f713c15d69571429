from typing import Any

import pytest

from kube.apiserver.kinds import bootstrap, defaults, kind_of, lifecycle, schema, validation

OBJECTS = bootstrap.objects(
    service_cidrs=("10.96.0.0/16", "fd00:10:96::/112"), advertise_address="10.0.0.1", secure_port=6443
)


@pytest.mark.parametrize("obj", OBJECTS, ids=lambda obj: f"{obj['kind']}-{obj['metadata']['name']}")
def test_the_server_would_take_each_object_from_a_client(obj: dict[str, Any]) -> None:
    kind = kind_of(obj["apiVersion"], obj["kind"])
    assert kind is not None
    assert schema.check(kind, obj) == schema.SchemaReport()
    defaults.apply(kind, obj)
    lifecycle.prepare_create(kind, obj, now="2026-01-01T00:00:00Z", uid="u", suffix="abcde")
    assert validation.validate_create(kind, obj) == []


def test_the_first_addresses_belong_to_the_service_kubernetes() -> None:
    service = bootstrap.kubernetes_service(("fd00:10:96::/112",), 6443)
    assert service["spec"]["clusterIP"] == "fd00:10:96::1"
    assert bootstrap.first_address("10.96.0.0/16") == "10.96.0.1"


def test_slices_say_the_family_of_the_server() -> None:
    assert bootstrap.kubernetes_endpoint_slice("fd00::1", 6443)["addressType"] == "IPv6"


def test_every_binding_names_a_role_there_is() -> None:
    roles = {obj["metadata"]["name"] for obj in OBJECTS if obj["kind"] == "ClusterRole"}
    bound = {obj["roleRef"]["name"] for obj in OBJECTS if obj["kind"] == "ClusterRoleBinding"}
    assert bound <= roles
