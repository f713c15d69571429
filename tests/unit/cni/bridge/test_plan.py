"""bridge: configuration and plan."""

import pytest

from cni.bridge import config, plan
from cni.bridge.plan import AddressOp
from cni.bridge.vlans import ranges
from cni.spec.addresses import parse_cidr, parse_ip
from cni.spec.errors import CniError
from cni.spec.result import IPConfig, Result, Route
from cni.veth.plan import KernelRoute, alias, derived_mac, host_ifname, kernel_routes
from linux.rtnl import Address


def parse(call, **fields):
    made = call(fields.pop("ipam", None), type="bridge", **fields)
    found = config.parse(made.conf, made.args)
    config.check(found)
    return found


def test_defaults(call):
    found = parse(call)
    assert (found.bridge, found.is_gateway, found.mtu, found.vlan, found.mac, found.ipam_type) == (
        "cni0",
        False,
        None,
        0,
        "",
        "",
    )


@pytest.mark.parametrize(
    ("fields", "attribute", "wanted"),
    [
        ({"isDefaultGateway": True}, "is_gateway", True),
        ({"mtu": 1400}, "mtu", 1400),
        ({"mtu": 0}, "mtu", None),
        ({"mtu": "auto"}, "mtu", 0),
        ({"HairpinMode": True}, "hairpin", True),
        (
            {"vlanTrunk": [{"minID": 200, "maxID": 203}, {"id": 101}, {"id": 201}]},
            "trunk",
            (101, 200, 201, 202, 203),
        ),
        ({"ipam": {"type": "static"}}, "ipam_type", "static"),
    ],
)
def test_fields(call, fields, attribute, wanted):
    assert getattr(parse(call, **fields), attribute) == wanted


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"hairpinMode": True, "promiscMode": True},
            "cannot set hairpin mode and promiscuous mode at the same time",
        ),
        ({"vlan": 4095}, "invalid VLAN ID 4095"),
        ({"vlan": -1}, "invalid VLAN ID -1"),
        ({"mtu": "1500"}, '"mtu" must be a whole number'),
        ({"mtu": -5}, "must not be negative"),
        ({"portIsolation": "true"}, '"portIsolation" must be true or false'),
        (
            {"vlanTrunk": [{"maxID": 5}]},
            "minID and maxID should be configured simultaneously, minID is missing",
        ),
        (
            {"vlanTrunk": [{"minID": 5}]},
            "minID and maxID should be configured simultaneously, maxID is missing",
        ),
        ({"vlanTrunk": [{"minID": 0, "maxID": 5}]}, "incorrect trunk minID parameter"),
        ({"vlanTrunk": [{"minID": 1, "maxID": 5000}]}, "incorrect trunk maxID parameter"),
        ({"vlanTrunk": [{"minID": 9, "maxID": 5}]}, "minID is greater than maxID in trunk parameter"),
        ({"vlanTrunk": [{"id": 5000}]}, "incorrect trunk id parameter"),
        ({"ipMasqBackend": "pf"}, "unknown ipmasq backend"),
        (
            {"disableContainerInterface": True, "ipam": {"type": "x"}},
            "cannot use IPAM when DisableContainerInterface",
        ),
        ({"runtimeConfig": {"mac": "nope"}}, "invalid MAC address nope"),
    ],
)
def test_what_is_refused(call, fields, message):
    with pytest.raises(CniError, match=message):
        parse(call, **fields)


IPS = (IPConfig("10.1.2.3/24"), IPConfig("fd00::3/64", "fd00::ff"))


def test_gateways_are_filled_in_for_a_gateway_only(call):
    plain = plan.addressing(parse(call), Result(ips=IPS))
    assert [ip.gateway for ip in plain.ips] == ["", "fd00::ff"]
    assert plain.gateways == ()
    gateway = plan.addressing(parse(call, isGateway=True), Result(ips=IPS))
    assert [ip.gateway for ip in gateway.ips] == ["10.1.2.1", "fd00::ff"]
    assert [cidr.text for cidr in gateway.gateways] == ["10.1.2.1/24", "fd00::ff/64"]
    assert all(ip.interface == 2 for ip in gateway.ips)


@pytest.mark.parametrize(
    ("routes", "wanted"),
    [
        ((), [("0.0.0.0/0", "10.1.2.1"), ("::/0", "fd00::ff")]),
        ((Route("0.0.0.0/0"),), [("0.0.0.0/0", ""), ("::/0", "fd00::ff")]),
        ((Route("0.0.0.0/0", "10.1.2.9"), Route("::/0")), [("0.0.0.0/0", "10.1.2.9"), ("::/0", "")]),
    ],
)
def test_default_routes_are_added_once(call, routes, wanted):
    found = plan.addressing(parse(call, isDefaultGateway=True), Result(ips=IPS, routes=routes))
    assert [(route.dst, route.gw) for route in found.routes] == wanted


def test_kernel_routes_go_through_the_familys_first_gateway_and_on_link_ones_come_first(call):
    routes = (
        Route("0.0.0.0/0"),
        Route("::/0"),
        Route("10.9.0.0/16", scope=253),
        Route("10.8.0.7/16", "10.1.2.8", mtu=1400, table=5),
        Route("0.0.0.0/0"),
    )
    layer3 = plan.addressing(parse(call, isGateway=True), Result(ips=IPS, routes=routes))
    assert kernel_routes(layer3) == (
        KernelRoute("10.9.0.0/16", None, 254, 253, 0, 0, 0),
        KernelRoute("0.0.0.0/0", "10.1.2.1", 254, None, 0, 0, 0),
        KernelRoute("::/0", "fd00::ff", 254, None, 0, 0, 0),
        KernelRoute("10.8.0.0/16", "10.1.2.8", 5, None, 0, 1400, 0),
    )


def present(*texts):
    return [Address(1, *text.split("/")[:1], int(text.split("/")[1]), 0, 0, 0) for text in texts]


WANTED4, WANTED6 = parse_cidr("10.1.2.1/24"), parse_cidr("fd00::1/64")


@pytest.mark.parametrize(
    ("there", "wanted", "ops"),
    [
        ([], WANTED4, ["add 10.1.2.1/24"]),
        (["10.1.2.1/24", "fe80::1/64"], WANTED4, []),
        (["fd00::9/64"], WANTED4, ["add 10.1.2.1/24"]),
        (["10.9.9.9/8"], WANTED4, ["delete 10.9.9.9/8", "add 10.1.2.1/24"]),
        (["fd01::9/64", "fe80::1/64"], WANTED6, ["add fd00::1/64"]),
        (["fd00::9/64"], WANTED6, ["delete fd00::9/64", "add fd00::1/64"]),
    ],
)
def test_the_bridges_address(there, wanted, ops):
    found = plan.bridge_address_ops("cni0", present(*there), wanted, force=True)
    assert [f"{op.verb} {op.address.text}" for op in found] == ops
    if any(op.verb == "delete" for op in found):
        with pytest.raises(CniError, match=f'"cni0" already has an IP address different from {wanted.text}'):
            plan.bridge_address_ops("cni0", present(*there), wanted, force=False)
    else:
        assert plan.bridge_address_ops("cni0", present(*there), wanted, force=False) == tuple(
            AddressOp(op.verb, op.address) for op in found
        )


def test_names_and_macs_are_functions_of_the_attachment():
    name = host_ifname("n", "c", "eth0")
    assert name == host_ifname("n", "c", "eth0")
    assert len(name) == 12
    others = {host_ifname("n", "c", "eth1"), host_ifname("m", "c", "eth0"), host_ifname("n", "c", "eth0", 1)}
    assert len(others | {name}) == 4
    assert derived_mac(parse_ip("10.1.2.3")) == "0a:58:0a:01:02:03"
    assert derived_mac(parse_ip("fd00::1:2")) == "0a:58:00:01:00:02"
    assert len(alias("n" * 200, "c" * 200, "eth0")) == 255


@pytest.mark.parametrize(
    ("vlans", "wanted"), [((), []), ((5,), [(5, 5)]), ((1, 2, 3, 7, 9, 10), [(1, 3), (7, 7), (9, 10)])]
)
def test_vlans_as_ranges(vlans, wanted):
    assert ranges(vlans) == wanted


def test_the_smallest_uplink_decides():
    assert plan.auto_mtu([9000, 1450]) == 1450
    assert plan.auto_mtu([]) is None


def test_a_bridge_of_ours_gets_its_gateways_mac_and_others_keep_theirs(call):
    conf, gateways = parse(call), (parse_cidr("10.1.2.1/24"),)
    for present in ("", plan.NO_MAC, plan.first_bridge_mac(conf, "h")):
        assert plan.pinned_bridge_mac(conf, "h", present, gateways) == "0a:58:0a:01:02:01"
        assert plan.pinned_bridge_mac(conf, "h", present, ()) == present
    assert plan.pinned_bridge_mac(conf, "h", "c2:11:22:33:44:55", gateways) == "c2:11:22:33:44:55"


def test_link_local_addresses_are_the_kernels():
    assert plan.link_local("0a:58:9a:00:80:3a").text == "fe80::858:9aff:fe00:803a"


@pytest.mark.parametrize(
    ("dns", "wanted"),
    [
        ({}, False),
        ({"domain": ""}, False),
        ({"nameservers": None}, False),
        ({"nameservers": []}, True),
        ({"Search": []}, True),
        ({"domain": "a.test"}, True),
    ],
)
def test_an_empty_list_overrides_ipams_dns(call, dns, wanted):
    assert call({}, dns=dns).conf.overrides_dns is wanted
