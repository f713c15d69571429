"""Links that many threads delete at once go together, each caller waiting for its own, and no longer than it must."""

import errno
import threading

import pytest

from cni.veth.removal_apply import Removals
from cni.wait import poll
from linux.netlink.socket import NetlinkError

pytestmark = pytest.mark.lab
PAIRS = 24
PATIENCE_S = 60


@pytest.fixture
def indexes(host):
    """Of a1 to a24, whose peers are b1 to b24, and of "stays"."""
    with host.rtnl() as rtnl:
        for number in range(PAIRS):
            rtnl.add_veth(f"a{number}", f"b{number}")
        rtnl.add_veth("stays", "here")
    return {name: link.ifindex for name, link in host.links().items()}


def test_many_at_once_are_two_deletions(host, indexes):
    """The first goes alone; it is held here until all others wait for theirs."""
    begun = threading.Event()

    def connect():
        begun.set()
        assert poll(lambda: removals._count > 1 or len(removals._waiting) == PAIRS, PATIENCE_S)
        return host.rtnl()

    removals = Removals(connect)
    gone_at_return = []

    def delete(name, index):
        with host.rtnl() as rtnl:
            removals.delete(rtnl, index)
            gone_at_return.append(rtnl.link(name) is None)

    wishes = [(f"a{number}", indexes[f"a{number}"]) for number in range(PAIRS)]
    wishes.append(("never", 1_000_000))  # gone already: no error
    threads = [threading.Thread(target=delete, args=wish) for wish in wishes]
    threads[0].start()
    assert begun.wait(PATIENCE_S)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join()
    assert gone_at_return == [True] * len(wishes)
    assert {name for name, link in host.links().items() if link.kind == "veth"} == {"stays", "here"}
    assert removals._count == 2
    with host.rtnl() as rtnl:
        removals.delete(rtnl, indexes["stays"])
    assert "here" not in host.links()


def test_who_is_refused_hears_it(host, indexes):
    """Loopback devices cannot be deleted."""
    with host.rtnl() as rtnl:
        with pytest.raises(NetlinkError) as refused:
            Removals(host.rtnl).delete(rtnl, indexes["lo"])
    assert refused.value.errno == errno.EOPNOTSUPP


def test_a_failure_to_ask_is_the_failure_of_all(host, indexes):
    def connect():
        raise OSError(errno.EMFILE, "too many open files")

    removals = Removals(connect)
    with host.rtnl() as rtnl:
        for _ in range(2):
            with pytest.raises(OSError, match="too many open files"):
                removals.delete(rtnl, indexes["stays"])
