"""Whatever a configuration or a result says, a plugin answers with an error object, never with a traceback."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cni import plugins, skel
from cni.bandwidth import config as bandwidth
from cni.bridge import config as bridge
from cni.call import Call, World
from cni.firewall import config as firewall
from cni.host_local import config as host_local
from cni.portmap import config as portmap
from cni.ptp import config as ptp
from cni.spec import netconf
from cni.spec.errors import CniError
from cni.spec.result import from_json, to_json
from cni.static import config as static
from cni.tuning import config as tuning

KEYS = st.sampled_from(
    [
        "name",
        "type",
        "cniVersion",
        "bridge",
        "isGateway",
        "mtu",
        "vlan",
        "vlanTrunk",
        "minID",
        "maxID",
        "id",
        "ipam",
        "ranges",
        "subnet",
        "rangeStart",
        "rangeEnd",
        "gateway",
        "routes",
        "dst",
        "gw",
        "addresses",
        "address",
        "dns",
        "nameservers",
        "runtimeConfig",
        "ips",
        "mac",
        "portMappings",
        "hostPort",
        "containerPort",
        "protocol",
        "hostIP",
        "bandwidth",
        "ingressRate",
        "ingressBurst",
        "args",
        "cni",
        "sysctl",
        "backend",
        "ingressPolicy",
        "conditionsV4",
        "prevResult",
        "interfaces",
        "interface",
        "sandbox",
        "ip4",
        "ip",
        "ipRanges",
        "capabilities",
    ]
)
TEXTS = st.sampled_from(
    [
        "",
        "auto",
        "10.1.2.0/24",
        "10.1.2.3",
        "fd00::/64",
        "fd00::1",
        "0.0.0.0/0",
        "x",
        "1.0.0",
        "0.2.0",
        "c2:11:22:33:44:55",
    ]
) | st.text(max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 1 << 33) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=12,
)
BODIES = st.dictionaries(KEYS, VALUES, max_size=8)
WORLD = World(
    now=lambda: 0.0, token=lambda n: "0" * n, stderr=lambda text: None, same_netns=lambda path: False
)


def call_of(body):
    return Call("ADD", "c", "/n", "eth0", "", "/p", {}, json.dumps(body).encode(), netconf.parse(body), WORLD)


PARSERS = {
    "bridge": lambda call: bridge.check(bridge.parse(call.conf, call.args)),
    "host-local": host_local.parse,
    "static": static.parse,
    "portmap": lambda call: (portmap.parse(call), portmap.container_addresses(call)),
    "bandwidth": bandwidth.parse,
    "firewall": firewall.parse,
    "tuning": tuning.parse,
    "ptp": ptp.parse,
}


@pytest.mark.parametrize("plugin", PARSERS)
@settings(max_examples=150, deadline=None)
@given(body=BODIES)
def test_any_configuration(plugin, body):
    try:
        PARSERS[plugin](call_of(body))
    except (CniError, ValueError) as error:
        assert str(error)


@settings(max_examples=300, deadline=None)
@given(body=VALUES, version=st.sampled_from(["0.2.0", "0.3.1", "1.0.0", "1.1.0"]))
def test_any_result(body, version):
    try:
        result = from_json(body, version)
        to_json(result, version)
    except CniError as error:
        assert str(error)


GOOD = {
    "cniVersion": "1.0.0",
    "name": "n",
    "type": "static",
    "ipam": {
        "type": "static",
        "addresses": [{"address": "10.1.2.3/24", "gateway": "10.1.2.1"}],
        "routes": [{"dst": "0.0.0.0/0"}],
    },
    "prevResult": {"cniVersion": "1.0.0", "ips": [{"address": "10.1.2.3/24", "interface": 0}]},
}


@st.composite
def damaged(draw):
    """A good configuration with some of its bytes changed, left out or doubled."""
    data = bytearray(json.dumps(GOOD).encode())
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data) - 1))
        piece = draw(st.sampled_from([b"", b"\0", b'"', b"{", b"}", b"[", b",", b"9", b"e9", b"\\", b"\xff"]))
        data[place : place + draw(st.integers(0, 3))] = piece
    return bytes(data)


@settings(max_examples=400, deadline=None)
@given(
    stdin=damaged(),
    verb=st.sampled_from(["ADD", "CHECK", "DEL"]),
    args=st.sampled_from(["", "IP=1", ";", "a=b"]),
)
def test_any_bytes(stdin, verb, args):
    env = {
        "CNI_COMMAND": verb,
        "CNI_CONTAINERID": "c",
        "CNI_NETNS": "/n",
        "CNI_IFNAME": "e",
        "CNI_PATH": "/p",
    }
    plugin = plugins.find("static")
    assert plugin is not None
    outcome = skel.run(plugin, plugins.load, {**env, "CNI_ARGS": args}, lambda: stdin, WORLD)
    if outcome.code:
        error = json.loads(outcome.stdout)
        assert error["code"] in (1, 4, 6, 7, 999)
        assert error["msg"]
    elif outcome.stdout:
        assert json.loads(outcome.stdout)["cniVersion"]
