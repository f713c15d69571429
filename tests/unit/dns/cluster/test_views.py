"""What is kept of API objects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dns.cluster.records import NO_PORT, EndpointRecord, ServicePort, ServiceRecord
from dns.cluster.views import ImportView, NamedSliceView, NamespaceView, PodView, ServiceView, SliceView
from dns.fakes.objects import endpoint, endpoint_slice, namespace, pod, service
from kube.objects import decode


def read(cls: Any, obj: dict[str, Any]) -> Any:
    return decode(cls, msgspec.json.encode(obj))


@pytest.mark.parametrize(
    ("obj", "record"),
    [
        (
            service("a", ["10.0.0.1", "FD00::0:1"]),
            ServiceRecord("testns", "a", ("10.0.0.1", "fd00::1"), (ServicePort("http", "tcp", 80),)),
        ),
        (service("a"), ServiceRecord("testns", "a", (), (ServicePort("http", "tcp", 80),), headless=True)),
        (service("a", external_name="x.org"), ServiceRecord("testns", "a", external_name="x.org")),
    ],
)
def test_services(obj: dict[str, Any], record: ServiceRecord) -> None:
    view = read(ServiceView, obj)
    assert view.record == record
    assert view.spec is None  # nothing of the object is kept beside the record


@pytest.mark.parametrize(("ready", "kept"), [(True, True), (None, True), (False, False)])
def test_an_endpoint_is_ready_unless_it_says_not(ready: bool | None, kept: bool) -> None:
    record = read(SliceView, endpoint_slice("a", endpoint("10.1.0.1", ready=ready))).record
    assert (len(record.endpoints), record.not_ready_count) == (int(kept), int(not kept))


def test_hostnames() -> None:
    obj = endpoint_slice(
        "a",
        endpoint("10.1.0.1"),
        endpoint("10.1.0.2", hostname="Web-0"),
        endpoint("10.1.0.3", pod="p" * 64),
        endpoint("10.1.0.4", pod="web-1"),
    )
    plain = read(SliceView, obj).record.endpoints
    named = read(NamedSliceView, obj).record.endpoints
    assert [one.hostname for one in plain] == ["10-1-0-1", "web-0", "10-1-0-3", "10-1-0-4"]
    assert [one.hostname for one in named] == ["10-1-0-1", "web-0", "10-1-0-3", "web-1"]


def test_a_slice_without_ports_has_addresses_only() -> None:
    assert read(SliceView, endpoint_slice("a", endpoint("10.1.0.1"), ports=None)).record.ports == (
        ServicePort("", "", NO_PORT),
    )


def test_a_slice_of_names_has_no_addresses() -> None:
    assert read(SliceView, endpoint_slice("a", endpoint("x.org"), family="FQDN")).record.endpoints == ()


def test_nulls_are_taken_as_absent() -> None:
    obj = {
        "metadata": {"name": "a", "namespace": "n"},
        "addressType": "IPv4",
        "endpoints": None,
        "ports": None,
    }
    assert read(SliceView, obj).record.endpoints == ()


@pytest.mark.parametrize(
    ("phase", "ip"), [("Running", "10.1.0.1"), ("Pending", "10.1.0.1"), ("Succeeded", ""), ("Failed", "")]
)
def test_pods(phase: str, ip: str) -> None:
    assert read(PodView, pod("p", "10.1.0.1", phase=phase)).ip == ip


def test_imports_and_namespaces() -> None:
    obj = {
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {
            "type": "ClusterSetIP",
            "ips": ["10.7.0.1"],
            "ports": [{"name": "http", "protocol": "TCP", "port": 80}],
        },
    }
    assert read(ImportView, obj).record == ServiceRecord(
        "n", "a", ("10.7.0.1",), (ServicePort("http", "tcp", 80),)
    )
    assert read(NamespaceView, namespace("x")).metadata.name == "x"
    assert EndpointRecord("::1").hostname == "--1"
