"""Configuration lists as kcni exec reads them."""

import pytest

from cni.invoke import networks
from cni.invoke.networks import Network, NetworkError

LIST = {
    "cniVersion": "1.0.0",
    "cniVersions": ["0.4.0", "1.0.0", "1.1.0", "9.0.0"],
    "name": "n1",
    "plugins": [{"type": "bridge"}, {"type": "portmap", "capabilities": {"portMappings": True}}],
}


def test_a_list_and_a_single_plugin():
    assert networks.parse(LIST, "f") == Network("n1", "1.1.0", tuple(LIST["plugins"]))
    single = {"cniVersion": "0.4.0", "name": "n2", "type": "bridge"}
    assert networks.parse(single, "f") == Network("n2", "0.4.0", (single,))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "has no name"),
        ({"plugins": [{"type": "bridge"}]}, "has no name"),
        ({"name": "n", "plugins": []}, "no plugins"),
        ({"name": "n", "plugins": [{}]}, "has no type"),
    ],
)
def test_what_is_refused(body, message):
    with pytest.raises(NetworkError, match=message):
        networks.parse(body, "f")


def test_capability_arguments_go_only_to_plugins_that_ask():
    network = networks.parse(LIST, "f")
    ports = {"portMappings": [{"hostPort": 1, "containerPort": 2}], "mac": "x"}
    bodies = [networks.stdin_of(network, plugin, {"r": 1}, ports, {}) for plugin in network.plugins]
    assert "runtimeConfig" not in bodies[0]
    assert bodies[1]["runtimeConfig"] == {"portMappings": ports["portMappings"]}
    assert all(body["prevResult"] == {"r": 1} and body["cniVersion"] == "1.1.0" for body in bodies)


def test_del_goes_backwards():
    network = networks.parse(LIST, "f")
    assert [p["type"] for p in networks.order(network, "DEL")] == ["portmap", "bridge"]
    assert [p["type"] for p in networks.order(network, "ADD")] == ["bridge", "portmap"]
