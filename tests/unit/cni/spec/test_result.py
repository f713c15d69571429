"""Results in each version of the specification."""

import pytest

from cni.spec import versions
from cni.spec.errors import CniError
from cni.spec.result import DNS, Interface, IPConfig, Result, Route, from_json, to_json

NETNS = "/run/netns/a"
FULL = Result(
    interfaces=(
        Interface("cni0", "0a:58:00:00:00:01", mtu=1500),
        Interface("eth0", "0a:58:00:00:00:02", NETNS, 1400),
    ),
    ips=(
        IPConfig("10.1.2.3/24", "10.1.2.1", 0),
        IPConfig("fd00::3/64", "fd00::1", 1),
        IPConfig("10.9.0.3/24"),
    ),
    routes=(Route("0.0.0.0/0"), Route("::/0", "fd00::1", mtu=1400, priority=5, table=0, scope=0)),
    dns=DNS(("10.96.0.10",), search=("cluster.local",)),
)
DNS_JSON = {"nameservers": ["10.96.0.10"], "search": ["cluster.local"]}
INTERFACES = [
    {"name": "cni0", "mac": "0a:58:00:00:00:01"},
    {"name": "eth0", "mac": "0a:58:00:00:00:02", "sandbox": NETNS},
]
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "::/0", "gw": "fd00::1"}]


def ips(*, with_version):
    rows = [
        {"version": "4", "interface": 0, "address": "10.1.2.3/24", "gateway": "10.1.2.1"},
        {"version": "6", "interface": 1, "address": "fd00::3/64", "gateway": "fd00::1"},
        {"version": "4", "address": "10.9.0.3/24"},
    ]
    return rows if with_version else [{k: v for k, v in row.items() if k != "version"} for row in rows]


OLD = {
    "ip4": {"ip": "10.1.2.3/24", "gateway": "10.1.2.1", "routes": [{"dst": "0.0.0.0/0"}]},
    "ip6": {"ip": "fd00::3/64", "gateway": "fd00::1", "routes": [{"dst": "::/0", "gw": "fd00::1"}]},
    "dns": DNS_JSON,
}
MIDDLE = {"interfaces": INTERFACES, "ips": ips(with_version=True), "routes": ROUTES, "dns": DNS_JSON}
NEWEST = {
    "interfaces": [INTERFACES[0] | {"mtu": 1500}, INTERFACES[1] | {"mtu": 1400}],
    "ips": ips(with_version=False),
    "routes": [ROUTES[0], ROUTES[1] | {"mtu": 1400, "priority": 5, "table": 0, "scope": 0}],
    "dns": DNS_JSON,
}


@pytest.mark.parametrize(
    ("version", "body"),
    [
        ("0.1.0", OLD),
        ("0.2.0", OLD),
        ("0.3.0", MIDDLE),
        ("0.3.1", MIDDLE),
        ("0.4.0", MIDDLE),
        ("1.0.0", MIDDLE | {"ips": ips(with_version=False)}),
        ("1.1.0", NEWEST),
    ],
)
def test_each_version_has_its_shape(version, body):
    assert to_json(FULL, version) == {"cniVersion": version, **body}


@pytest.mark.parametrize("version", versions.ALL)
def test_what_is_printed_is_read_back_as_far_as_the_version_goes(version):
    body = to_json(FULL, version)
    again = from_json(body, version)
    assert to_json(again, version) == body
    if version == "1.1.0":
        assert again == FULL


def test_a_result_without_version_is_of_the_configurations():
    assert from_json({"ips": [{"address": "10.1.2.3/24"}]}, "1.0.0").ips == (IPConfig("10.1.2.3/24"),)


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_without_addresses_there_is_no_old_result(version):
    with pytest.raises(CniError, match="cannot convert: no valid IP addresses"):
        to_json(Result(interfaces=FULL.interfaces), version)


def test_empty_dns_is_printed_before_1_0_only():
    bare = Result(ips=(IPConfig("10.1.2.3/24"),))
    assert to_json(bare, "0.4.0")["dns"] == {}
    assert "dns" not in to_json(bare, "1.0.0")


@pytest.mark.parametrize(
    "body",
    [
        {"cniVersion": "7.0.0"},
        {"ips": [{"address": "10.1.2.3"}]},
        {"ips": [{"address": "10.1.2.3/99"}]},
        {"ips": {}},
        {"interfaces": [5]},
        {"routes": [{"dst": "nope"}]},
        {"ips": [{"address": "10.1.2.3/24", "interface": "0"}]},
        [],
    ],
)
def test_a_malformed_result_is_a_decoding_failure(body):
    with pytest.raises(CniError) as caught:
        from_json(body, "1.0.0")
    assert caught.value.code == 6
