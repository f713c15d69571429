"""What can be switched off, and that it is off then."""

from typing import Any

import pytest

from kube.apiserver.admission import ON_CREATE
from kube.apiserver.admission.plugins import CAN_BE_OFF, parse_disabled
from kube.apiserver.state import Settings
from tests.unit.kube.apiserver.conftest import pod

PODS = "/api/v1/namespaces/default/pods"
CLAIMS = "/api/v1/namespaces/default/persistentvolumeclaims"
CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "data"},
    "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}


def test_every_rule_has_the_name_of_a_plugin_that_can_be_off() -> None:
    assert {plugin for rules in ON_CREATE.values() for plugin, _ in rules} <= CAN_BE_OFF


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", set()),
        ("ServiceAccount", {"ServiceAccount"}),
        ("Priority,DefaultStorageClass,", {"Priority"}),  # the second is never on
    ],
)
def test_names_are_kube_apiservers(text: str, expected: set[str]) -> None:
    assert parse_disabled(text) == expected


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="'NamespaceLifecycle' cannot be switched off: choose from Default"):
        parse_disabled("Priority,NamespaceLifecycle")


def test_a_pod_is_left_as_it_is_without_its_plugins(run: Any) -> None:
    off = parse_disabled("ServiceAccount,DefaultTolerationSeconds,StorageObjectInUseProtection")

    async def body(call: Any) -> None:
        spec = (await call.create(PODS, pod("plain")))["spec"]
        assert not {"serviceAccountName", "volumes", "tolerations"} & set(spec)
        assert spec["priority"] == 0
        assert "finalizers" not in (await call.create(CLAIMS, CLAIM))["metadata"]

    async def usual(call: Any) -> None:
        spec = (await call.create(PODS, pod("plain")))["spec"]
        assert {"serviceAccountName", "volumes", "tolerations"} <= set(spec)
        assert "finalizers" in (await call.create(CLAIMS, CLAIM))["metadata"]

    run(body, settings=Settings(disabled_admission=off))
    run(usual)
