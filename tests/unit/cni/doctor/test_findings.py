"""kcni doctor's judgements."""

import pytest

from cni.doctor.findings import Configuration, Facts, Uplink, findings
from cni.spec.addresses import parse_cidr

POD = parse_cidr("10.244.0.0/24")
GOOD = Configuration("10-podnet.conflist", "", "podnet", (POD,), 1450)
WELL = Facts(
    sysctls={
        "net/ipv4/ip_forward": "1",
        "net/ipv6/conf/all/forwarding": "1",
        "net/ipv4/conf/all/rp_filter": "2",
        "net/ipv4/conf/cni0/rp_filter": "0",
        "net/bridge/bridge-nf-call-iptables": "1",
        "net/bridge/bridge-nf-call-ip6tables": "1",
    },
    configurations=(GOOD,),
    routes=((parse_cidr("192.0.2.0/24"), "eth0"), (POD, "cni0")),
    bridges=("cni0",),
    uplinks=(Uplink("eth0", 1500),),
    forward_policies=(),
    legacy_tables=(),
    nft_tables=("ip nat",),
    udev_mac_policy=False,
    kernel_options={"CONFIG_BRIDGE": True},
    daemon_silent=False,
    stale_addresses=0,
    stale_attachments=0,
)


def test_a_host_in_order():
    assert findings(WELL) == []


@pytest.mark.parametrize(
    ("change", "what", "mend"),
    [
        (
            {"sysctls": {**WELL.sysctls, "net/ipv4/ip_forward": "0"}},
            "does not forward",
            "sysctl -w net.ipv4.ip_forward=1",
        ),
        (
            {"sysctls": {**WELL.sysctls, "net/bridge/bridge-nf-call-iptables": None}},
            "does not exist",
            "modprobe br_netfilter",
        ),
        ({"sysctls": {**WELL.sysctls, "net/ipv4/conf/all/rp_filter": "1"}}, "strict", "conf.all.rp_filter=2"),
        (
            {"sysctls": {**WELL.sysctls, "net/ipv4/conf/br.7/rp_filter": "1"}},
            "net/ipv4/conf/br.7/rp_filter is 1",
            "sysctl -w net/ipv4/conf/br.7/rp_filter=2",
        ),
        ({"forward_policies": ("ip filter FORWARD",)}, "drops what it does not accept", "firewall plugin"),
        (
            {"legacy_tables": ("ip filter (legacy)",)},
            "iptables-legacy (ip filter (legacy)) and of iptables-nft (ip nat) work side by side",
            "update-alternatives",
        ),
        ({"udev_mac_policy": True}, "MACs of its own", "MACAddressPolicy=none"),
        (
            {"kernel_options": {"CONFIG_VXLAN": False}},
            "without CONFIG_VXLAN: knode --network vxlan",
            "boot a kernel",
        ),
        ({"uplinks": (Uplink("eth0", 1400),)}, "mtu 1450 is more than the 1400 of eth0", '"auto"'),
        (
            {"configurations": (GOOD._replace(file="1.conf"), GOOD._replace(file="2.conf"))},
            "uses 1.conf and ignores 2.conf",
            "keep one",
        ),
        ({"configurations": (Configuration("1.conf", "bad"),)}, "1.conf: bad", "correct or remove"),
        ({"configurations": ()}, "no CNI configuration", "kcni install"),
        (
            {"configurations": (GOOD._replace(absent_plugins=("macvlan",)),)},
            "no executable of plugin macvlan",
            "kcni install",
        ),
        (
            {"routes": ((parse_cidr("10.0.0.0/8"), "eth0"),)},
            "overlaps the route 10.0.0.0/8",
            "another pod range",
        ),
        ({"daemon_silent": True}, "nobody answers", "kcni daemon"),
        ({"stale_addresses": 3}, "3 addresses", "kcni gc"),
        ({"stale_attachments": 2}, "2 attachments", "kcni gc"),
    ],
)
def test_each_finding_has_its_mend(change, what, mend):
    (found,) = findings(WELL._replace(**change))
    assert what in found.what
    assert mend in found.mend


def test_two_networks_that_give_out_the_same_addresses():
    other = GOOD._replace(file="20-other.conf", network="other", subnets=(parse_cidr("10.244.0.128/25"),))
    found = findings(WELL._replace(configurations=(GOOD, other)))
    assert [item.what for item in found if item.level == "error"] == [
        "networks podnet and other both give out addresses of 10.244.0.0/24"
    ]
