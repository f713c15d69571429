"""Links that many threads delete at once go together, each caller waiting for its own."""

import threading

import pytest

from cni.veth.removal_apply import Removals

pytestmark = pytest.mark.lab
PAIRS = 24


def test_many_at_once_are_few_deletions(host):
    removals = Removals()
    with host.rtnl() as rtnl:
        for number in range(PAIRS):
            rtnl.add_veth(f"a{number}", f"b{number}")
        rtnl.add_veth("stays", "here")
        indexes = {name: link.ifindex for name, link in host.links().items()}
    gone_at_return, start = [], threading.Barrier(PAIRS + 1)

    def delete(name, index):
        with host.rtnl() as rtnl:
            start.wait()
            removals.delete(rtnl, index)
            gone_at_return.append(rtnl.link(name) is None)

    names = [f"a{number}" for number in range(PAIRS)]
    threads = [threading.Thread(target=delete, args=(name, indexes[name])) for name in names]
    threads.append(threading.Thread(target=delete, args=("never", 1_000_000)))  # gone already: no error
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert gone_at_return == [True] * (PAIRS + 1)
    assert {name for name, link in host.links().items() if link.kind == "veth"} == {"stays", "here"}
    assert removals._count < PAIRS  # by 3 or 4 where nothing else runs
    with host.rtnl() as rtnl:
        removals.delete(rtnl, indexes["stays"])
    assert "here" not in host.links()
