"""kcni doctor's judgements."""

import pytest

from cni.doctor.findings import Facts, findings
from cni.spec.addresses import parse_cidr

WELL = Facts(
    sysctls={
        "net/ipv4/ip_forward": "1",
        "net/ipv6/conf/all/forwarding": "1",
        "net/ipv4/conf/all/rp_filter": "2",
        "net/bridge/bridge-nf-call-iptables": "1",
        "net/bridge/bridge-nf-call-ip6tables": "1",
    },
    configurations=(("10-podnet.conflist", ""),),
    subnets=(parse_cidr("10.244.0.0/24"),),
    routes=((parse_cidr("192.0.2.0/24"), "eth0"), (parse_cidr("10.244.0.0/24"), "cni0")),
    bridges=("cni0",),
    forward_policies=(),
    udev_mac_policy=False,
    kernel_options={"CONFIG_BRIDGE": True},
    stale=0,
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
        ({"sysctls": {**WELL.sysctls, "net/ipv4/conf/all/rp_filter": "1"}}, "strict", "rp_filter=2"),
        ({"forward_policies": ("ip filter FORWARD",)}, "drops what it does not accept", "firewall plugin"),
        ({"udev_mac_policy": True}, "MACs of its own", "MACAddressPolicy=none"),
        ({"kernel_options": {"CONFIG_X": False}}, "without CONFIG_X", "boot a kernel"),
        ({"configurations": (("1.conf", ""), ("2.conf", ""))}, "uses 1.conf and ignores 2.conf", "keep one"),
        ({"configurations": (("1.conf", "bad"),)}, "1.conf: bad", "correct or remove"),
        ({"configurations": ()}, "no CNI configuration", "kcni install"),
        (
            {"routes": ((parse_cidr("10.0.0.0/8"), "eth0"),)},
            "overlaps the route 10.0.0.0/8",
            "another pod range",
        ),
        ({"stale": 3}, "3 addresses", "kcni gc"),
    ],
)
def test_each_finding_has_its_mend(change, what, mend):
    (found,) = findings(WELL._replace(**change))
    assert what in found.what
    assert mend in found.mend
