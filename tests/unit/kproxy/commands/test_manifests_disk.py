"""Objects of files, in every form that people keep them in; and what a server would have filled in."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from kproxy.commands.manifests_disk import objects_of_files
from kproxy.configuration.config import ConfigError
from kproxy.services import PortKey, service_ports, slice_endpoints
from kube.objects import EndpointSlice, Service

_SERVICE: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web"},
    "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 80}]},
}
_SLICE: dict[str, Any] = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"generateName": "web-", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "endpoints": [{"addresses": ["10.244.0.7"]}],
    "ports": [{"port": 8080}],
}
_BOTH = ["Service default/web", "EndpointSlice default/web-"]


def _untyped(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if name not in ("apiVersion", "kind")}


FORMS = {
    "documents of YAML": yaml.safe_dump_all([_SERVICE, None, _SLICE]),
    "a List of YAML": yaml.safe_dump({"kind": "List", "items": [_SERVICE, _SLICE]}),
    "a List of JSON": json.dumps({"kind": "List", "items": [_SERVICE, _SLICE]}),
    "an array": json.dumps([_SERVICE, _SLICE]),
    "JSON after JSON": f"{json.dumps(_SERVICE)}\n{json.dumps(_SLICE)}\n",
    "lists of a kind": yaml.safe_dump_all(
        [
            {"kind": "ServiceList", "items": [_untyped(_SERVICE)]},
            {"kind": "EndpointSliceList", "items": [_untyped(_SLICE)]},
        ]
    ),
    "among others": yaml.safe_dump_all([{"kind": "Pod", "metadata": {"name": "p"}}, _SERVICE, _SLICE]),
}


def _names(paths: list[str]) -> list[str]:
    found = [
        (type(o).__name__, o.metadata.namespace, o.metadata.name.rpartition("-"))
        for o in objects_of_files(paths)
    ]
    return [f"{kind} {namespace}/{name[0]}{name[1] or name[2]}" for kind, namespace, name in found]


@pytest.mark.parametrize("text", FORMS.values(), ids=FORMS)
def test_every_form_is_read(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "objects"
    file.write_text(text)
    assert _names([str(file)]) == _BOTH
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert _names(["-"]) == _BOTH


def test_of_a_folder_the_manifests_are_read(tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "b.yaml").write_text(yaml.safe_dump(_SERVICE))
    (tmp_path / "deeper" / "a.json").write_text(json.dumps(_SLICE))
    (tmp_path / "README.md").write_text("[no: manifest")
    assert _names([str(tmp_path)]) == _BOTH


def _read(tmp_path: Path, *documents: dict[str, Any]) -> list[Any]:
    file = tmp_path / "objects.yaml"
    file.write_text(yaml.safe_dump_all(documents))
    return list(objects_of_files([str(file)]))


@pytest.mark.parametrize(
    "spec",
    [
        {"clusterIP": "10.96.0.9"},
        {"clusterIPs": ["10.96.0.9"]},
        {"clusterIP": None, "clusterIPs": ["10.96.0.9", "fd00::9"], "ipFamilies": ["IPv4", "IPv6"]},
        {"clusterIP": "10.96.0.9", "ipFamilies": ["IPv4"]},
    ],
)
def test_one_spelling_of_the_cluster_addresses_is_enough(spec: dict[str, Any], tmp_path: Path) -> None:
    (found,) = _read(tmp_path, {**_SERVICE, "spec": {**spec, "ports": [{"port": 80}]}})
    assert isinstance(found, Service)
    assert [port.cluster_ip for port in service_ports(found, 4)] == ["10.96.0.9"]


@pytest.mark.parametrize("name", [{}, {"name": None}, {"name": ""}])
def test_a_port_without_a_name_is_the_nameless_one(name: dict[str, Any], tmp_path: Path) -> None:
    (found,) = _read(tmp_path, {**_SLICE, "ports": [{**name, "port": 8080}]})
    assert isinstance(found, EndpointSlice)
    assert list(slice_endpoints(found, "me")) == [PortKey("", "TCP")]


def test_nameless_slices_are_told_apart(tmp_path: Path) -> None:
    other = {**_SLICE, "endpoints": [{"addresses": ["10.244.0.8"]}]}
    first, second = _read(tmp_path, _SLICE, other)
    assert first.metadata.name != second.metadata.name


def test_nulls_and_absent_fields_are_the_same(tmp_path: Path) -> None:
    found = _read(tmp_path, {**_SLICE, "endpoints": None, "ports": None}, {**_SERVICE, "status": None})
    assert [type(o).__name__ for o in found] == ["EndpointSlice", "Service"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [1", "expected"),
        ('{"kind": "Service"', "objects"),
        ("kind: Service\nmetadata: {name: web}\nspec: {ports: 80}", "Service web: .*ports"),
        ("kind: Service\nmetadata: {name: web}\nspec: {ports: [port]}", "Service web: .*ports"),
        ("kind: EndpointSlice\nmetadata: {name: web}\nports: [http]", "EndpointSlice web: "),
    ],
)
def test_what_cannot_be_read_is_named(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "objects"
    file.write_text(text)
    with pytest.raises(ConfigError, match=f"-f .*objects: .*{words}|-f .*{words}"):
        list(objects_of_files([str(file)]))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere"):
        list(objects_of_files([str(tmp_path / "nowhere")]))
