"""The loopback device, which every namespace has, as the ioctls and as netlink tell it."""

import pytest

from linux.rtnl import Rtnl
from linux.rtnl.glance import glance, index_of


@pytest.fixture
def rtnl():
    with Rtnl() as opened:
        yield opened


def test_a_glance_says_what_netlink_says(rtnl):
    link = rtnl.link("lo")
    found = glance(rtnl.socket.fileno(), "lo")
    assert found is not None and link is not None
    assert (found.ifindex, found.mac, found.mtu) == (link.ifindex, link.mac, link.mtu)
    assert (found.up, found.promisc) == (link.up, link.promisc)


def test_the_absent_is_none(rtnl):
    assert index_of(rtnl.socket.fileno(), "nolinkhere") == 0
    assert glance(rtnl.socket.fileno(), "nolinkhere") is None
