"""What of the kernel's news reaches the daemon: the filter is run by the kernel, on a datagram socket of no rights."""

import socket
import struct

import pytest

from cni.daemon.news import interesting, is_damage
from linux.netlink import filter as news_filter
from linux.netlink.codec import attr, attr_str, attr_u32, iter_messages, nested, pack_message
from linux.rtnl import constants as c

_NEWNETCONF, _NEWROUTE = 80, 24
_UP = c.IFF_UP
_UPLINKS = {2: 1450, 70_000: 9000}


def _link(kind: str, *, flags: int = 0, slave: str = "", index: int = 7, mtu: int = 1500) -> bytes:
    header = struct.pack("=BxHiII", 0, 1, index, flags, 0)
    info = attr_str(c.IFLA_INFO_KIND, kind) if kind else b""
    info += attr_str(c.IFLA_INFO_SLAVE_KIND, slave) if slave else b""
    linkinfo = nested(c.IFLA_LINKINFO, info) if info else b""
    return header + attr_str(c.IFLA_IFNAME, "cni0") + attr_u32(c.IFLA_MTU, mtu) + linkinfo


def _address(scope: int) -> bytes:
    return struct.pack("=BBBBI", 2, 24, 0, scope, 7) + attr(c.IFA_LOCAL, b"\n\0\0\1")


def _netconf(index: int, forwarding: int | None) -> bytes:
    tail = b"" if forwarding is None else attr_u32(2, forwarding)
    return b"\2\0\0\0" + attr_u32(1, index) + tail


NEWS = [
    ("a bridge goes", c.RTM_DELLINK, _link("bridge", flags=_UP), True, True),
    ("a bridge is down", c.RTM_NEWLINK, _link("bridge"), True, True),
    ("a bridge is up", c.RTM_NEWLINK, _link("bridge", flags=_UP), True, False),
    ("a veth comes", c.RTM_NEWLINK, _link("veth"), False, False),
    ("a port of a bridge", c.RTM_NEWLINK, _link("veth", slave="bridge"), False, False),
    ("a port, told by the bridge", c.RTM_NEWLINK, _link(""), False, False),
    ("a veth goes", c.RTM_DELLINK, _link("veth", slave="bridge"), False, False),
    ("a slave of no kind", c.RTM_NEWLINK, _link("", slave="bridge"), False, False),
    ("an address goes", c.RTM_DELADDR, _address(0), True, True),
    ("an address of the link goes", c.RTM_DELADDR, _address(253), False, False),
    ("an address comes", c.RTM_NEWADDR, _address(0), False, False),
    ("forwarding off", _NEWNETCONF, _netconf(0xFFFFFFFF, 0), True, True),
    ("forwarding on", _NEWNETCONF, _netconf(0xFFFFFFFF, 1), False, False),
    ("forwarding of all, not told", _NEWNETCONF, _netconf(0xFFFFFFFF, None), False, False),
    ("one interface's forwarding", _NEWNETCONF, _netconf(7, 0), False, False),
    ("a route", _NEWROUTE, b"\0" * 12, False, False),
    ("an uplink's MTU changes", c.RTM_NEWLINK, _link("", index=2, mtu=1400), True, True),
    ("another uplink's", c.RTM_NEWLINK, _link("veth", index=70_000, mtu=1450), True, True),
    ("an uplink changes otherwise", c.RTM_NEWLINK, _link("", index=2, mtu=1450), True, False),
    ("an uplink goes", c.RTM_DELLINK, _link("", index=2, mtu=1400), True, False),
    ("nearly nothing", c.RTM_NEWLINK, b"", False, False),
]


def _passes(data: bytes) -> bool:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        news_filter.attach(receiver.setsockopt, interesting(_UPLINKS))
        sender.send(data)
        receiver.setblocking(False)
        try:
            return receiver.recv(1 << 16) == data
        except BlockingIOError:
            return False


@pytest.mark.parametrize(
    ("kind", "payload", "passes", "damage"), [row[1:] for row in NEWS], ids=[row[0] for row in NEWS]
)
def test_what_is_damage_comes_through_and_everyday_news_do_not(kind, payload, passes, damage):
    data = pack_message(kind, 0, 0, payload)
    assert _passes(data) is passes
    if payload:
        (message,) = iter_messages(data)
        assert is_damage(kind, message, _UPLINKS) is damage


def test_labels_are_distances():
    items = [news_filter.load16(4), news_filter.Jump(1, equal="end"), news_filter.load8(0)]
    program = news_filter.assemble([*items, news_filter.Label("end"), news_filter.verdict(wanted=True)])
    assert [(item.when_true, item.when_false) for item in program] == [(0, 0), (1, 0), (0, 0), (0, 0)]


def test_more_uplinks_than_a_filter_holds_still_make_one():
    program = interesting(range(1, 1000))
    assert max(max(item.when_true, item.when_false) for item in program) < 256
    assert news_filter.encode(program)
