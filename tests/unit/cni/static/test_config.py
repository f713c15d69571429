"""static's configuration."""

import pytest

from cni.spec.errors import CniError
from cni.spec.result import DNS, IPConfig, Route
from cni.static import apply

BASE = {
    "type": "static",
    "addresses": [{"address": "10.10.0.1/24", "gateway": "10.10.0.254"}, {"address": "3ffe::1/64"}],
    "routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.10.5.1"}],
    "dns": {"nameservers": ["8.8.8.8"], "domain": "example.com", "search": ["example.com"]},
}


def test_what_is_configured(call):
    result = apply.add(call(BASE))
    assert result.ips == (IPConfig("10.10.0.1/24", "10.10.0.254"), IPConfig("3ffe::1/64"))
    assert result.routes == (Route("0.0.0.0/0"), Route("192.168.0.0/16", "10.10.5.1"))
    assert result.dns == DNS(("8.8.8.8",), "example.com", ("example.com",))


@pytest.mark.parametrize(
    ("args", "more", "wanted"),
    [
        ("IP=10.1.0.5/24,fd00::5/64", {}, [("10.1.0.5/24", ""), ("fd00::5/64", "")]),
        ("IP=10.1.0.5/24;GATEWAY=10.1.0.1", {}, [("10.1.0.5/24", "10.1.0.1")]),
        ("IP=10.1.0.5/24", {"args": {"cni": {"ips": ["10.2.0.5/24"]}}}, [("10.2.0.5/24", "")]),
        (
            "",
            {
                "args": {"cni": {"ips": ["10.2.0.5/24"]}},
                "runtimeConfig": {"ips": ["10.3.0.5/24", "fd00::9/64"]},
            },
            [("10.3.0.5/24", ""), ("fd00::9/64", "")],
        ),
    ],
)
def test_what_the_caller_asks_for(call, args, more, wanted):
    result = apply.add(call({"type": "static"}, cni_args=args, **more))
    assert [(ip.address, ip.gateway) for ip in result.ips] == wanted


@pytest.mark.parametrize(
    ("ipam", "args", "message"),
    [
        (None, "", "missing 'ipam' key"),
        (
            {"addresses": [{"address": "10.1.0.5"}]},
            "",
            "the 'address' field is expected to be in CIDR notation, got: '10.1.0.5'",
        ),
        ({}, "IP=10.1.0.5", "the 'ip' field is expected to be in CIDR notation, got: '10.1.0.5'"),
        ({"addresses": [{"address": "10.1.0.5/24", "gateway": "x"}]}, "", "invalid gateway address: x"),
    ],
)
def test_what_is_refused(call, ipam, args, message):
    with pytest.raises(CniError, match=message):
        apply.add(call(ipam, cni_args=args))


def test_check_compares_with_the_result(call):
    prev = {"cniVersion": "1.0.0", "ips": [{"address": "10.10.0.1/24"}]}
    with pytest.raises(CniError, match="Failed to match addr 3ffe::1/64"):
        apply.check(call(BASE, prevResult=prev))
    apply.check(call(BASE, prevResult={**prev, "ips": [*prev["ips"], {"address": "3ffe::1/64"}]}))


def test_delete_needs_nothing(call):
    apply.delete(call({}))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"args": {"cni": {"ips": ["10.10.0.1"]}}}, "an entry in the 'ips' field is NOT in CIDR notation"),
        ({"runtimeConfig": {"ips": ["10.10.0.1"]}}, "an entry in the 'ips' field is NOT in CIDR notation"),
    ],
)
def test_requested_addresses_are_networks(call, more, message):
    with pytest.raises(CniError, match=message):
        apply.add(call({}, **more))


def test_a_gateway_of_cni_args_is_for_addresses_that_nothing_replaces(call):
    made = call({}, cni_args="IP=10.1.0.2/24;GATEWAY=10.1.0.1", runtimeConfig={"ips": ["10.1.0.3/24"]})
    assert [(ip.address, ip.gateway) for ip in apply.add(made).ips] == [("10.1.0.3/24", "")]


def test_routes_are_shown_as_they_were_written(call):
    assert apply.add(call({"routes": [{"dst": "10.1.2.3/24"}]})).routes == (Route("10.1.2.3/24"),)
