"""The collector rests during a load and works afterwards."""

import gc

from kproxy import garbage


def test_the_collector_rests_and_comes_back() -> None:
    with garbage.paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    gc.unfreeze()


def test_calm_is_rare() -> None:
    before = gc.get_threshold()
    garbage.calm()
    assert gc.get_threshold()[0] >= before[0]
    gc.set_threshold(*before)
