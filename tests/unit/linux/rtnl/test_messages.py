"""rtnetlink values: what a request says, its answer would be read as."""

import pytest

from linux.netlink.codec import Message
from linux.rtnl import constants as c
from linux.rtnl import messages, requests


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"dst": "0.0.0.0/0", "via": "10.1.2.1", "oif": 3}, {"via": "10.1.2.1", "oif": 3, "scope": 0}),
        ({"dst": "10.0.0.0/8", "oif": 3}, {"scope": c.RT_SCOPE_LINK}),
        ({"dst": "fd00::/64", "via": "fe80::1", "oif": 2, "priority": 7}, {"priority": 7, "family": 10}),
        ({"dst": "10.2.0.0/16", "oif": 1, "table": 1000}, {"table": 1000}),
        ({"dst": "10.2.0.0/16", "oif": 1, "mtu": 1400, "advmss": 1360}, {"mtu": 1400, "advmss": 1360}),
        ({"dst": "10.2.0.0/16", "via": "fe80::9", "oif": 1}, {"via": "fe80::9", "family": 2}),
        ({"dst": "192.0.2.1", "kind": c.RTN_BLACKHOLE}, {"dst": "192.0.2.1/32", "kind": c.RTN_BLACKHOLE}),
        ({"dst": "10.2.0.0/16", "oif": 1, "onlink": True}, {"flags": c.RTNH_F_ONLINK}),
    ],
)
def test_a_route_request_reads_as_that_route(arguments, wanted):
    route = messages.parse_route(Message(c.RTM_NEWROUTE, 0, 0, requests.route(**arguments)))
    if "dst" not in wanted:
        wanted = {**wanted, "dst": arguments["dst"]}
    assert {key: getattr(route, key) for key in wanted} == wanted


@pytest.mark.parametrize(("ip", "prefix", "flags"), [("10.1.2.3", 24, 0), ("fd00::3", 64, c.IFA_F_NODAD)])
def test_an_address_request_reads_as_that_address(ip, prefix, flags):
    address = messages.parse_address(
        Message(c.RTM_NEWADDR, 0, 0, requests.address(5, ip, prefix, flags=flags))
    )
    assert (address.ifindex, address.ip, address.prefix, address.flags) == (5, ip, prefix, flags)


def test_a_link_request_reads_as_that_link():
    payload = requests.new_link(
        "bridge",
        requests.link_attrs(name="cni0", mac="0a:58:00:00:00:01", mtu=1400),
        requests.bridge_data(vlan_filtering=True),
        up=True,
    )
    link = messages.parse_link(Message(c.RTM_NEWLINK, 0, 0, payload))
    assert (link.name, link.mac, link.mtu, link.kind) == ("cni0", "0a:58:00:00:00:01", 1400, "bridge")
    assert link.up
    assert link.vlan_filtering


@pytest.mark.parametrize(
    "rule",
    [
        messages.Rule(2, 100, 500, src="10.1.2.3/32"),
        messages.Rule(10, 1000, 5, dst="fd00::/64", fwmark=0x2000, fwmask=0x2000, iif="lo", oif="eth0"),
    ],
)
def test_a_rule_comes_back(rule):
    assert messages.parse_rule(Message(c.RTM_NEWRULE, 0, 0, requests.rule(rule))) == rule


def test_a_neighbour_comes_back():
    entry = messages.Neighbour(
        4, c.AF_BRIDGE, "10.0.0.9", "0a:58:00:00:00:01", c.NUD_PERMANENT, c.NTF_SELF, 5
    )
    assert messages.parse_neighbour(Message(c.RTM_NEWNEIGH, 0, 0, requests.neighbour(entry))) == entry


def test_text_that_is_no_address_is_a_value_error():
    with pytest.raises(ValueError, match="'nope' is not an IP address"):
        messages.ip_bytes("nope")


def test_flags_change_only_what_is_given():
    _, _, index, flags, change = messages.IFINFO.unpack_from(requests.link_changes(7, up=False, promisc=True))
    assert (index, flags, change) == (7, c.IFF_PROMISC, c.IFF_UP | c.IFF_PROMISC)
