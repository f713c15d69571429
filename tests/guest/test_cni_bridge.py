"""The bridge plugin on a kernel with VLAN filtering, Debian 12's; and a choice of its lab tests there."""

import json
import os

import pytest

from tests.lab.cni.conftest import ask_fixture as ask  # noqa: F401 - a fixture
from tests.lab.cni.conftest import bin_dir, host, serve, world  # noqa: F401 - fixtures
from tests.lab.cni.test_cni_bridge import (  # noqa: F401 - collected here as well
    test_a_container_may_send_with_its_own_mac_only,
    test_vlans_keep_containers_apart,
    vlans,
)

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif("PODNET_GUEST" not in os.environ, reason="needs VLAN filtering: run `make guest`"),
]
BRIDGE = "cni0"


class Bridged:
    """A host whose containers are attached without addresses."""

    def __init__(self, made):
        self.host = made

    def add(self, **more):
        """A container's namespace, its result and its configuration."""
        conf, path = self.host.conf(subnets=(), **more), self.host.container()
        result = self.host.add(conf, path)
        self.host.check(conf, path, result)
        return path, result, conf

    def vlans_of(self, name):
        """VLAN to flags, of a port or of the bridge itself."""
        for port in json.loads(self.host.sh("bridge", "-j", "vlan", "show", "dev", name)):
            listed = port["vlans"]
            return {
                number: tuple(item.get("flags", ()))
                for item in listed
                for number in range(item["vlan"], item.get("vlanEnd", item["vlan"]) + 1)
            }
        return {}

    def is_filtering(self):
        (link,) = json.loads(self.host.sh("ip", "-j", "-d", "link", "show", BRIDGE))
        return link["linkinfo"]["info_data"]["vlan_filtering"] == 1

    def address(self, path, text, *, vlan=None):
        """Give the container an address, on a VLAN device of its own if vlan is given."""
        device = "eth0"
        if vlan is not None:
            device = f"eth0.{vlan}"
            self.host.sh(
                "ip",
                "link",
                "add",
                "link",
                "eth0",
                "name",
                device,
                "type",
                "vlan",
                "id",
                str(vlan),
                inside=path,
            )
            self.host.sh("ip", "link", "set", device, "up", inside=path)
        self.host.sh("ip", "addr", "add", text, "dev", device, inside=path)

    def reaches(self, path, address):
        return self.host.sh("ping", "-c1", "-W3", address, inside=path, check=False).returncode == 0


@pytest.fixture
def bridged(request):
    return Bridged(request.getfixturevalue("host"))


ACCESS = ("PVID", "Egress Untagged")


@pytest.mark.parametrize(
    ("conf", "wanted"),
    [
        ({"vlan": 100}, {100: ACCESS}),
        ({"vlan": 100, "preserveDefaultVlan": True}, {1: ("Egress Untagged",), 100: ACCESS}),
        ({"vlanTrunk": [{"id": 101}]}, {1: ACCESS, 101: ()}),
        (
            {"vlan": 100, "vlanTrunk": [{"id": 101}, {"minID": 200, "maxID": 203}]},
            {100: ACCESS, 101: (), 200: (), 201: (), 202: (), 203: ()},
        ),
    ],
    ids=["access", "access beside the default", "trunk", "access and trunk"],
)
def test_vlans_of_a_port(bridged, conf, wanted):
    path, result, made = bridged.add(**conf)
    assert bridged.is_filtering()
    assert bridged.vlans_of(result["interfaces"][1]["name"]) == wanted
    bridged.host.delete(made, path)
    assert bridged.host.left_over() == ([], [], [])


def test_tagged_frames_pass_a_trunk_in_its_vlans_only(bridged):
    trunk, _, _ = bridged.add(vlanTrunk=[{"minID": 200, "maxID": 201}])
    access, _, _ = bridged.add(vlan=200)
    bridged.address(access, "10.77.0.2/24")
    bridged.address(trunk, "10.77.0.1/24", vlan=200)
    bridged.address(trunk, "10.77.1.1/24", vlan=202)
    other, _, _ = bridged.add(vlan=202)
    bridged.address(other, "10.77.1.2/24")
    assert bridged.reaches(trunk, "10.77.0.2")
    assert not bridged.reaches(trunk, "10.77.1.2")


def test_the_gateways_device_has_its_vlan_and_goes_on_after_a_del(request, bridged):
    made = bridged.host
    conf, path = made.conf(vlan=10, isGateway=True), made.container()
    result = made.add(conf, path)
    assert [i["name"] for i in result["interfaces"]][::3] == [BRIDGE, f"{BRIDGE}.10"]
    assert made.sh("ping", "-c1", "-W3", "10.77.0.1", inside=path)
    made.check(conf, path, result)
    second = made.container()
    made.add(conf, second)
    made.delete(conf, path)
    assert made.sh("ping", "-c1", "-W3", "10.77.0.1", inside=second)
