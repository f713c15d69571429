"""host-local's configuration."""

import pytest

from cni.host_local import config
from cni.spec.errors import CniError
from cni.spec.result import Route

V4 = "10.1.2.0/24"
V6 = "fd00:1::/64"


def sets(found):
    return [item.text for item in found.sets]


@pytest.mark.parametrize(
    ("ipam", "more", "wanted"),
    [
        ({"subnet": V4}, {}, ["10.1.2.1-10.1.2.254"]),
        ({"ranges": [[{"subnet": V4}]]}, {}, ["10.1.2.1-10.1.2.254"]),
        ({"ranges": [[{"subnet": V6}]]}, {}, ["fd00:1::1-fd00:1::ffff:ffff:ffff:ffff"]),
        ({"subnet": V4, "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.20"}, {}, ["10.1.2.9-10.1.2.20"]),
        (
            {"subnet": V4, "ranges": [[{"subnet": V6}]]},
            {},
            ["10.1.2.1-10.1.2.254", "fd00:1::1-fd00:1::ffff:ffff:ffff:ffff"],
        ),
        (
            {"ranges": [[{"subnet": "10.1.0.0/28"}, {"subnet": "10.2.0.0/28"}]]},
            {},
            ["10.1.0.1-10.1.0.14,10.2.0.1-10.2.0.14"],
        ),
        (
            {"subnet": V4},
            {"runtimeConfig": {"ipRanges": [[{"subnet": "10.9.0.0/28"}]]}},
            ["10.9.0.1-10.9.0.14", "10.1.2.1-10.1.2.254"],
        ),
        (
            {"Subnet": V4, "RangeStart": "10.1.2.9"},
            {"RuntimeConfig": {"IPRANGES": [[{"SUBNET": "10.9.0.0/28"}]]}},
            ["10.9.0.1-10.9.0.14", "10.1.2.9-10.1.2.254"],
        ),
        ({"ranges": [[{"subnet": "10.1.2.0/30"}]]}, {}, ["10.1.2.1-10.1.2.2"]),
        ({"ranges": [[{"subnet": "fd00::/126"}]]}, {}, ["fd00::1-fd00::3"]),
    ],
)
def test_range_sets_and_their_order(call, ipam, more, wanted):
    assert sets(config.parse(call(ipam, **more))) == wanted


@pytest.mark.parametrize(
    ("ipam", "wanted"),
    [
        ({"subnet": V4}, "10.1.2.1"),
        ({"subnet": V4, "gateway": "10.1.2.254"}, "10.1.2.254"),
        ({"subnet": V6}, "fd00:1::1"),
    ],
)
def test_the_gateway(call, ipam, wanted):
    assert config.parse(call(ipam)).sets[0].ranges[0].gateway.text == wanted


@pytest.mark.parametrize(
    ("ipam", "message"),
    [
        (None, "IPAM config missing 'ipam' key"),
        ({}, "no IP ranges specified"),
        ({"ranges": [[]]}, "empty range set"),
        ({"subnet": "10.1.2.0"}, "invalid CIDR address: 10.1.2.0"),
        ({"subnet": "10.1.2.0/31"}, "Network 10.1.2.0/31 too small to allocate from"),
        ({"subnet": "fd00::/127"}, "Network fd00::/127 too small to allocate from"),
        ({"subnet": "10.1.2.3/24"}, "Network has host bits set.*the network address is 10.1.2.0"),
        ({"subnet": V4, "rangeStart": "10.1.3.1"}, "RangeStart 10.1.3.1 not in network"),
        ({"subnet": V4, "rangeEnd": "10.1.3.1"}, "RangeEnd 10.1.3.1 not in network"),
        ({"subnet": V4, "rangeStart": "10.1.2.9", "rangeEnd": "10.1.2.8"}, "after rangeEnd"),
        ({"subnet": V4, "gateway": "nope"}, "invalid IP address: nope"),
        ({"ranges": [[{"subnet": V4}, {"subnet": V6}]]}, "mixed address families"),
        ({"ranges": [[{"subnet": V4}], [{"subnet": "10.1.0.0/16"}]]}, "range set 0 overlaps with 1"),
        ({"ranges": [[{"subnet": V4}, {"subnet": V4}]]}, "overlaps with"),
        ({"ranges": "all"}, '"ipam.ranges" must be a list'),
    ],
)
def test_what_is_refused(call, ipam, message):
    with pytest.raises(CniError, match=message):
        config.parse(call(ipam))


@pytest.mark.parametrize(("version", "refused"), [("0.1.0", True), ("0.2.0", True), ("0.3.0", False)])
def test_two_addresses_of_a_family_need_0_3_0(call, version, refused):
    made = call({"ranges": [[{"subnet": V4}], [{"subnet": "10.9.0.0/24"}]]}, version=version)
    if refused:
        with pytest.raises(CniError, match="more than 1 address per family"):
            config.parse(made)
    else:
        assert len(config.parse(made).sets) == 2


@pytest.mark.parametrize(
    ("args", "more", "wanted"),
    [
        ("", {}, []),
        ("IP=10.1.2.9", {}, ["10.1.2.9"]),
        ("IP=10.1.2.9/24", {}, ["10.1.2.9"]),
        ("IP=10.1.2.9,fd00:1::9", {}, ["10.1.2.9", "fd00:1::9"]),
        ("", {"args": {"cni": {"ips": ["10.1.2.8"]}}}, ["10.1.2.8"]),
        ("", {"runtimeConfig": {"ips": ["10.1.2.7/24"]}}, ["10.1.2.7"]),
        (
            "IP=10.1.2.9",
            {"args": {"cni": {"ips": ["10.1.2.9"]}}, "runtimeConfig": {"ips": ["10.1.2.7"]}},
            ["10.1.2.9", "10.1.2.7"],
        ),
    ],
)
def test_requested_addresses(call, args, more, wanted):
    found = config.parse(call({"subnet": V4}, cni_args=args, **more))
    assert [ip.text for ip in found.requested] == wanted


def test_routes_keep_what_1_1_0_added(call):
    routes = [
        {
            "dst": "0.0.0.0/0",
            "gw": "10.1.2.1",
            "mtu": 1400,
            "advmss": 1360,
            "priority": 5,
            "table": 7,
            "scope": 0,
        }
    ]
    assert config.parse(call({"subnet": V4, "routes": routes})).routes == (
        Route("0.0.0.0/0", "10.1.2.1", 1400, 1360, 5, 7, 0),
    )
