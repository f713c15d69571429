"""From a Service's port to the addresses that answer."""

import msgspec
import pytest

from kube.ingress.routes import BackendRef
from kube.ingress.servers import Servers, plan_servers
from kube.objects import EndpointSlice, Service, decode


def service(**spec: object) -> Service:
    ports = [{"name": "http", "port": 80, "targetPort": 8080}, {"name": "dns", "port": 53, "protocol": "UDP"}]
    return decode(Service, msgspec.json.encode({"spec": {"ports": ports, "ipFamilies": ["IPv4"], **spec}}))


def slice_of(*endpoints: tuple[str, dict], family: str = "IPv4", port: str = "http") -> EndpointSlice:
    body = {
        "addressType": family,
        "ports": [{"name": port, "port": 8080}],
        "endpoints": [
            {"addresses": [address], "conditions": conditions} for address, conditions in endpoints
        ],
    }
    return decode(EndpointSlice, msgspec.json.encode(body))


READY: dict = {"ready": True}
ENDING: dict = {"ready": False, "serving": True, "terminating": True}
DOWN: dict = {"ready": False, "serving": False}
WEB = BackendRef("demo", "web", "http")


def test_ready_endpoints_of_the_first_family_are_the_servers() -> None:
    slices = [
        slice_of(("10.0.0.2", READY), ("10.0.0.1", {}), ("10.0.0.3", DOWN), ("10.0.0.4", ENDING)),
        slice_of(("fd00::1", READY), family="IPv6"),
        slice_of(("10.0.0.9", READY), port="admin"),
    ]
    assert plan_servers(WEB, service(), slices).addresses == ("10.0.0.1:8080", "10.0.0.2:8080")
    six = service(ipFamilies=["IPv6", "IPv4"])
    assert plan_servers(WEB, six, slices).addresses == ("[fd00::1]:8080",)


def test_the_last_pods_serve_while_they_terminate() -> None:
    found = plan_servers(WEB, service(), [slice_of(("10.0.0.3", DOWN), ("10.0.0.4", ENDING))])
    assert found.addresses == ("10.0.0.4:8080",)


@pytest.mark.parametrize("port", ["80", "http"])
def test_a_port_may_be_named_or_numbered(port: str) -> None:
    found = plan_servers(BackendRef("demo", "web", port), service(), [slice_of(("10.0.0.1", READY))])
    assert found == Servers(("10.0.0.1:8080",))


def test_the_services_protocol_and_affinity_are_kept() -> None:
    ports = [{"port": 80, "appProtocol": "kubernetes.io/h2c"}]
    found = plan_servers(BackendRef("d", "w", "80"), service(ports=ports, sessionAffinity="ClientIP"), [])
    assert (found.protocol, found.sticky) == ("h2c", True)


@pytest.mark.parametrize(
    ("port", "spec", "why"),
    [
        ("http", {"type": "ExternalName"}, "ExternalName"),
        ("81", {}, "has no TCP port 81"),
        ("dns", {}, "has no TCP port dns"),
    ],
)
def test_a_service_that_cannot_be_served_says_why(port: str, spec: dict, why: str) -> None:
    found = plan_servers(BackendRef("demo", "web", port), service(**spec), [])
    assert why in found.problem
    assert found.addresses == ()


def test_an_absent_service_is_named() -> None:
    assert plan_servers(WEB, None, []).problem == "Service demo/web does not exist"
