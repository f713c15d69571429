from typing import Any

from kube.apiserver.admission.service_accounts import MOUNT_PATH, mount


def container(*paths: str) -> dict[str, Any]:
    return {
        "name": "c",
        **({"volumeMounts": [{"name": "x", "mountPath": path} for path in paths]} if paths else {}),
    }


def test_every_container_gets_the_volume() -> None:
    spec = {"containers": [container(), container("/data")], "initContainers": [container()]}
    mount(spec, "kube-api-access-abcde")
    assert [volume["name"] for volume in spec["volumes"]] == ["kube-api-access-abcde"]  # type: ignore[index]
    for each in (*spec["containers"], *spec["initContainers"]):
        assert each["volumeMounts"][-1] == {
            "name": "kube-api-access-abcde",
            "readOnly": True,
            "mountPath": MOUNT_PATH,
        }


def test_where_something_else_is_mounted_nothing_is() -> None:
    spec: dict[str, Any] = {"containers": [container(MOUNT_PATH)]}
    mount(spec, "kube-api-access-abcde")
    assert "volumes" not in spec


def test_a_pod_that_has_the_volume_keeps_it() -> None:
    """An update, or an object that was read and made again."""
    spec: dict[str, Any] = {"containers": [container()], "volumes": [{"name": "data"}]}
    mount(spec, "kube-api-access-abcde")
    spec["containers"].append(container())
    mount(spec, "kube-api-access-other")
    assert [volume["name"] for volume in spec["volumes"]] == ["data", "kube-api-access-abcde"]
    assert spec["containers"][1]["volumeMounts"][0]["name"] == "kube-api-access-abcde"
