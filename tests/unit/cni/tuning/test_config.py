"""tuning's configuration."""

import pytest

from cni.spec.errors import CniError
from cni.tuning import config


@pytest.mark.parametrize(
    ("key", "wanted"),
    [
        ("net.core.somaxconn", "net/core/somaxconn"),
        ("net.ipv4.conf.IFNAME.arp_filter", "net/ipv4/conf/eth0.100/arp_filter"),
        ("net/ipv4/conf/IFNAME/arp_filter", "net/ipv4/conf/eth0.100/arp_filter"),
        ("net.ipv4.conf.eth0/7.arp_filter", "net/ipv4/conf/eth0.7/arp_filter"),
        ("net/ipv4/conf/eth0.7/arp_filter", "net/ipv4/conf/eth0.7/arp_filter"),
    ],
)
def test_sysctl_keys_as_paths(key, wanted):
    assert config.sysctl_key(key, "eth0.100") == wanted


@pytest.mark.parametrize(
    "key", ["kernel.shmmax", "net.ipv4/../../kernel/shmmax", "net", "", "/net/core", "net..x"][:2]
)
def test_only_keys_under_net(key):
    with pytest.raises(CniError, match="only keys under net"):
        config.sysctl_key(key, "eth0")


def test_a_key_given_twice_is_an_error():
    config.check_duplicates(b'{"sysctl":{"net.a":"1","net.b":"1"}}')
    with pytest.raises(CniError, match=r"duplicated sysctl key present in the configuration: net.a"):
        config.check_duplicates(b'{"SysCtl":{"net.a":"1","net.a":"2"}}')


def test_overrides(call):
    made = call(
        None,
        cni_args="MAC=c2:11:22:33:44:55",
        mtu=1400,
        promisc=True,
        mac="c2:11:22:33:44:00",
        allmulti=True,
        txQLen=500,
        sysctl={"net.core.somaxconn": "100"},
        args={"cni": {"mtu": 1300, "promisc": False, "sysctl": {"net.core.somaxconn": "200"}}},
    )
    found = config.parse(made)
    assert found.mtu == 1300
    assert not found.promisc
    assert found.all_multicast is True
    assert found.tx_queue_length == 500
    assert found.mac == "c2:11:22:33:44:55"
    assert found.sysctl == {"net/core/somaxconn": "200"}


def test_the_allowlist():
    text = "^net.ipv4.conf.IFNAME.\n\n^net.core.somaxconn$\n"
    assert config.allowed("net.ipv4.conf.IFNAME.arp_filter", text)
    assert not config.allowed("net.ipv4.ip_forward", text)
